"""One way in: a directory or a git URL, told apart by its form."""

from __future__ import annotations

import re

from reconciler.errors import SourceUnreadable
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source import directory

_URL = re.compile(r"(https|ssh|file)://\S+|[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+:\S+")


def is_url(where: str) -> bool:
    """Whether it is asked of git, and not of the file system."""
    return _URL.fullmatch(where) is not None


def read(where: str, *, branch: str = "", subdirectory: str = "") -> RepoSnapshot:
    """The state repository `where` as bytes.

    Raises SourceUnreadable or StateInvalid.
    """
    if is_url(where):
        from reconciler.source import git

        return git.read(where, branch=branch, subdirectory=subdirectory)
    if "::" in where or where.startswith("-"):
        raise SourceUnreadable(f"{where!r} is neither a directory nor an https, ssh or file URL")
    if branch:
        raise SourceUnreadable("--branch goes with a git URL; a directory is read as it stands")
    return directory.read(f"{where}/{subdirectory}" if subdirectory else where)
