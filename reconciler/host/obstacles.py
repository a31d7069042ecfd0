"""What makes replacing a file by rename wrong or impossible, found before anything is written."""

from __future__ import annotations

import fcntl
import os
import posixpath
import stat
import struct
from pathlib import Path

_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS, linux/fs.h
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20
_MOUNTS = Path("/proc/self/mountinfo")


class Obstacle(ValueError):
    """Why a file is not replaced, and what to do about it."""


def refuse(path: str, target: str) -> None:
    """Raises Obstacle for the first thing that is in the way of replacing `target`, which `path` leads to."""
    _refuse_directories(target)
    try:
        about = os.lstat(target)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(about.st_mode):
        raise Obstacle("not a regular file")
    if about.st_nlink > 1:
        raise Obstacle(f"it has {about.st_nlink} hard links, and only one would change; make it a file of its own")
    if _is_mounted(target):
        raise Obstacle("it is a mount point of its own; mount its directory instead")
    flags = _flags(target)
    if flags & (_IMMUTABLE | _APPEND_ONLY):
        letter = "i" if flags & _IMMUTABLE else "a"
        raise Obstacle(
            f"it is protected with `chattr +{letter}`; `chattr -{letter} {path}` if this program shall write it"
        )


def _refuse_directories(target: str) -> None:
    for parent in Path(target).parents:
        about = parent.stat()
        if about.st_mode & stat.S_IWOTH and not (about.st_mode & stat.S_ISVTX and about.st_uid == 0):
            raise Obstacle(f"everybody may write {parent}, and so put another file in its place; `chmod o-w {parent}`")
    directory = posixpath.dirname(target)
    if _flags(directory) & (_IMMUTABLE | _APPEND_ONLY):
        raise Obstacle(f"its directory {directory} is protected with chattr; nothing can be written beside it")


def _flags(path: str) -> int:
    """The inode flags of ext4, xfs, btrfs; 0 where the file system has none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, _GET_FLAGS, struct.pack("l", 0)))
    except OSError:
        return 0
    else:
        return int(flags)
    finally:
        os.close(descriptor)


def _is_mounted(target: str) -> bool:
    points = (line.split(" ")[4] for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    return any(point.replace("\\040", " ").replace("\\134", "\\") == target for point in points)
