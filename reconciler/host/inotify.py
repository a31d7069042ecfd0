"""inotify(7), which Python does not have: a descriptor that is readable once something in a directory changed.

Nothing of what it says is read: what changed is for others to find. A look at it costs nothing while nothing happens.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from functools import cache

# linux/inotify.h: MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF
_CHANGES = 0x002 | 0x004 | 0x008 | 0x040 | 0x080 | 0x100 | 0x200 | 0x400 | 0x800
_ONLY_DIRECTORIES = 0x01000000
_BUFFER = 1 << 16  # bytes; what is more is read with the next ring


def open_on(directories: Iterable[str]) -> int:
    """A non-blocking descriptor that watches these, for the caller to close.

    Raises OSError where there is no inotify, or the user's limits are reached.
    """
    library = _library()
    descriptor: int = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise _error("inotify_init1")
    for directory in directories:
        if library.inotify_add_watch(descriptor, os.fsencode(directory), _CHANGES | _ONLY_DIRECTORIES) < 0:
            failure = _error(directory)
            os.close(descriptor)
            raise failure
    return descriptor


def clear(descriptor: int) -> None:
    """Forget what was told so far."""
    try:
        while os.read(descriptor, _BUFFER):
            pass
    except BlockingIOError:
        return


def _error(about: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), about)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.inotify_init1.argtypes = (ctypes.c_int,)
    library.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
    return library
