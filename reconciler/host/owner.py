"""For a moment what the owner of a directory is: root without CAP_DAC_OVERRIDE may not write where others own."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY_NEW = ctypes.c_uint(-1)  # asks setfsuid(2) who it is


@contextmanager
def as_owner(directory: Path) -> Iterator[None]:
    """Reach files as who owns it inside the block; needs CAP_SETUID. Who is not root stays who he is.

    Of this thread alone, by setfsuid(2): seteuid(2) would make another thread's postmap a stranger's, which it refuses.

    Raises OSError where the directory is not there, or the right is missing.
    """
    owner, own = directory.stat().st_uid, os.geteuid()
    if own != 0 or owner == own:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.setfsuid(ctypes.c_uint(owner))
    if libc.setfsuid(_NOBODY_NEW) != owner:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(directory))
    try:
        yield
    finally:
        libc.setfsuid(ctypes.c_uint(own))
