"""What another user of this machine may read, asked of the kernel as that user: modes, lists of access and all."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import PurePosixPath

from reconciler.frozen import dataclass

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine with its groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def user(name: str) -> User | None:
    """None where there is no such user."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return User(name, found.pw_uid, found.pw_gid, tuple(os.getgrouplist(name, found.pw_gid)))


def obstacle(path: str, reader: User) -> str | None:
    """What keeps that user from reading a file: the outermost directory that it cannot enter, else the file itself.

    None where nothing does. Raises OSError where this process cannot become that user.
    """
    if _may("-r", path, reader):
        return None
    closed = (str(it) for it in reversed(PurePosixPath(path).parents) if not _may("-x", str(it), reader))
    return next(closed, path)


def _may(how: str, path: str, reader: User) -> bool:
    argv = ("/usr/bin/test", how, path)
    asked = subprocess.run(
        argv, user=reader.uid, group=reader.gid, extra_groups=reader.groups, cwd="/", check=False,
        stdin=subprocess.DEVNULL, timeout=_PATIENCE_S,
    )  # fmt: skip
    return asked.returncode == 0
