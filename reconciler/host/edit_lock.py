"""Postfix's own lock on main.cf and master.cf: `postconf -e` waits while it is held, and then edits the new file.

Postfix writes the next main.cf to main.cf.tmp, which it locks with flock(2) before it reads main.cf. Having got the
lock it looks whether the name still leads to the file it locked, and begins anew where it does not. So does this.

Source: `edit_file_open()` in Postfix's util/edit_file.c.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

from reconciler.errors import Locked
from reconciler.host import files
from reconciler.host.processes import until

_PATIENCE = timedelta(seconds=10)  # an edit takes milliseconds
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def held(config_directory: str, patience: timedelta = _PATIENCE) -> Iterator[None]:
    """Keep `postconf -e` and `-M` from both files.

    Raises Locked where somebody else keeps them for longer than `patience`.
    """
    with ExitStack() as held_ones:
        for name in ("main.cf", "master.cf"):
            held_ones.enter_context(_held(f"{config_directory}/{name}.tmp", patience))
        yield


@contextmanager
def _held(path: str, patience: timedelta) -> Iterator[None]:
    descriptor = _acquired(path, patience)
    try:
        yield
    finally:
        _remove(path, descriptor)
        os.close(descriptor)


def _acquired(path: str, patience: timedelta) -> int:
    for _ in until(patience):
        with files.typed(path):
            descriptor = os.open(path, _OPEN, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(path, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:  # whoever else holds it looks whether the name still leads to its file
            _remove(path, descriptor)
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise Locked(f"{path} is locked: somebody edits with postconf; try again when that has ended")


def _is_there(path: str, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    return False


def _remove(path: str, descriptor: int) -> None:
    """An empty file is ours, or as good as; with something in it, it is what a postconf that died had written."""
    if os.fstat(descriptor).st_size == 0:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - beside open and flock, of descriptors


def sweep(config_directory: str) -> None:
    """Remove what a killed process of ours left: a lock file that is empty, and that nobody holds."""
    for name in ("main.cf", "master.cf"):
        path = f"{config_directory}/{name}.tmp"
        if os.path.lexists(path):
            with suppress(Locked), _held(path, timedelta(0)):
                pass
