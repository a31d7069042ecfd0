"""The commits behind a state that is handed over, so that who takes it can check every signature again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconciler.errors import SourceUnreadable
from reconciler.source.clone import OFFERED
from reconciler.source.follow import Source
from reconciler.source.program import GitFailed, call

_PIECE = 1 << 20  # bytes


def write(source: Source, revision: str, path: str) -> bool:
    """Write the history of what the clone was offered, where that is `revision`; else leave what lies there.

    Raises SourceUnreadable.
    """
    remote, clone = source.remote, str(source.clone.path)
    try:
        offered = call(remote, "rev-parse", "--verify", "--quiet", f"{OFFERED}^{{commit}}", git_dir=clone)
    except GitFailed:  # the clone was lost; the next fetch makes it anew
        return False
    if offered.decode().strip() != revision:
        return False
    staged = f"{path}.new"
    call(remote, "update-ref", remote.ref, OFFERED, git_dir=clone)
    call(remote, "bundle", "create", "--quiet", staged, remote.ref, git_dir=clone)
    try:
        Path(staged).replace(path)
    except OSError as error:
        raise SourceUnreadable(f"{path}: cannot be written ({error.strerror})") from error
    return True


def take(path: str, own: str, limit: int) -> None:
    """Copy what was handed over to where nobody else can exchange it under git's eyes; at most `limit` bytes.

    Raises SourceUnreadable.
    """
    target = Path(own)
    staged = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file, staged.open("wb") as copy:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SourceUnreadable(f"{path}: no regular file; is reconciler-puller.service running?")
            left = limit
            while piece := file.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise SourceUnreadable(f"{path}: more than {limit} bytes")
                copy.write(piece)
        staged.replace(target)
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}; is reconciler-puller.service running?") from error
