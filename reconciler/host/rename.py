"""renameat2(2), which Python does not have: two names exchanged in one step, and a move that replaces nothing.

Where the kernel or the file system knows neither, links and plain renames do the same in more steps: the target always
has one of its two contents, but what somebody renames over it between two of these steps is lost.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from functools import cache

_AT_FDCWD = -100
_NO_REPLACE, _EXCHANGE = 1, 2  # linux/fs.h
_UNKNOWN = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
_BETWEEN = "-old"  # what stands aside while two names are exchanged in steps


def exchange(one: str, other: str) -> None:
    """Swap the contents of two names of one directory.

    Raises OSError, FileNotFoundError where one of them is not there.
    """
    try:
        _renameat2(one, other, _EXCHANGE)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        _exchange_in_steps(one, other)


def move(source: str, target: str) -> None:
    """Give a file another name.

    Raises FileExistsError where the name is taken.
    """
    try:
        _renameat2(source, target, _NO_REPLACE)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        os.link(source, target, follow_symlinks=False)
        os.unlink(source)  # noqa: PTH108 - beside link, which pathlib has otherwise


def between(aside: str) -> str:
    """The third name that `exchange` takes where it works in steps."""
    return aside + _BETWEEN


def _exchange_in_steps(aside: str, target: str) -> None:
    """`target` is the name that others look at."""
    old = between(aside)
    with suppress(FileNotFoundError):
        os.unlink(old)  # noqa: PTH108
    os.link(target, old, follow_symlinks=False)
    os.rename(aside, target)  # noqa: PTH104
    os.rename(old, aside)  # noqa: PTH104


def _renameat2(source: str, target: str, flags: int) -> None:
    function = _function()
    while function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags):
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), source, None, target)


@cache
def _function() -> ctypes._NamedFuncPointer:
    library = ctypes.CDLL(None, use_errno=True)
    try:
        function = library.renameat2
    except AttributeError as absent:  # a C library before glibc 2.28
        raise OSError(errno.ENOSYS, "no renameat2") from absent
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function
