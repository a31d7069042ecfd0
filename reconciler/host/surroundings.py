"""Names in the file system: who may do what with them, and what would keep a file from being replaced."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable
from pathlib import PurePosixPath

from reconciler.host import obstacles
from reconciler.model.surroundings import Name, NameKind

_KINDS = ((stat.S_ISREG, NameKind.FILE), (stat.S_ISDIR, NameKind.DIRECTORY), (stat.S_ISLNK, NameKind.LINK))


def look(paths: Iterable[str], *, replaced: frozenset[str] = frozenset()) -> dict[str, Name]:
    """The names that exist among `paths`, and every directory on the way to where they lead.

    Of those in `replaced` it is said what would keep them from being replaced.
    """
    found: dict[str, Name] = {}
    for path in paths:
        name = _name(path, obstacle=path in replaced)
        if name is None:
            continue
        found[path] = name
        for parent in PurePosixPath(name.target).parents:
            if str(parent) not in found:
                directory = _name(str(parent), obstacle=False)
                found |= {str(parent): directory} if directory else {}
    return found


def _name(path: str, *, obstacle: bool) -> Name | None:
    try:
        own = os.lstat(path)
        target = posixpath.realpath(path, strict=True)
        about = os.stat(target)  # noqa: PTH116 - its sibling is lstat
    except OSError:
        return None
    kind = next((kind for test, kind in _KINDS if test(own.st_mode)), NameKind.OTHER)
    in_the_way = _obstacle(path, target) if obstacle else ""
    return Name(kind, target, stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid, in_the_way)


def _obstacle(path: str, target: str) -> str:
    try:
        obstacles.refuse(path, target)
        read_only = bool(os.statvfs(target).f_flag & os.ST_RDONLY)
    except obstacles.Obstacle as obstacle:
        return str(obstacle)
    except OSError:
        return ""  # it cannot be known
    return "the file system is read-only" if read_only else ""
