"""For a moment what the owner of a directory is: root without CAP_DAC_OVERRIDE may not write where others own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_owner(directory: Path) -> Iterator[None]:
    """Act as who owns it inside the block, which has to be short; needs CAP_SETUID. Who is not root stays who he is.

    Raises OSError where the directory is not there.
    """
    owner, own = directory.stat().st_uid, os.geteuid()
    if own != 0 or owner == own:
        yield
        return
    os.seteuid(owner)
    try:
        yield
    finally:
        os.seteuid(own)
