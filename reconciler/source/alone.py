"""One at a time, among the agents and commands of a host that follow the same source."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import SourceUnreadable


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold this lock, a file of its own, until the block ends; who holds it meanwhile is waited for.

    Raises SourceUnreadable where there can be no such file.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SourceUnreadable(f"{lock.parent}: cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
