"""A state repository in a plain directory, such as a checkout one is working in."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import SourceUnreadable
from reconciler.frozen import replace
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source.layout import FOLDERS, check_count, is_misnamed, is_state, limit, refuse, too_large


def read(directory: str) -> RepoSnapshot:
    """Read every state file below `directory`; nothing is followed out of it.

    Raises SourceUnreadable where it cannot be read, StateInvalid where a file is a symbolic link or too large.
    """
    try:
        files = dict(_files(directory))
    except OSError as error:
        raise SourceUnreadable(f"{directory}: {error.strerror}; name the state repository with --repo") from error
    check_count(files, directory)
    made = RepoSnapshot(files, "", directory)
    return replace(made, revision=f"sha256:{_digest(made)}")


def _files(directory: str) -> Iterator[tuple[str, bytes]]:
    root = Path(directory)
    paths = [item.name for item in root.iterdir()]
    for folder in FOLDERS:
        inside = root / folder
        if inside.is_symlink():
            raise refuse(folder, "a symbolic link in place of a folder", "put the folder itself there")
        paths += [f"{folder}/{item.name}" for item in inside.iterdir()] if inside.is_dir() else []
    for path in sorted(paths):
        if is_misnamed(path):
            raise refuse(path, "only files that end in .yaml are read", f"rename it to {path.removesuffix('yml')}yaml")
        if is_state(path):
            yield path, _content(root / path, path)


def _content(where: Path, path: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    if where.is_symlink():
        raise refuse(
            path, "a symbolic link; state files are read as they are, never through a link", "put the file there"
        )
    with os.fdopen(os.open(where, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise refuse(path, "not a regular file", "put a file there")
        if status.st_size > limit(path):
            raise too_large(path, status.st_size)
        return file.read()


def _digest(made: RepoSnapshot) -> str:
    """Of the state files alone: the same state has the same revision, wherever it lies."""
    said = "".join(f"{path}\0{made.digest(path)}\0" for path in sorted(made.files))
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()
