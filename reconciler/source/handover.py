"""A verified state handed from the puller, which has the network, to the applier, which has the mail server.

One file, replaced whole: a line of JSON that says revision, origin, what keeps newer ones away, and path and size of
each file; then their bytes.
What is read is as untrusted as a clone: bounded, never followed through a link, validated like any state.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from reconciler.errors import ReconcilerError, SourceTrouble, SourceUnreadable
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source.layout import MAX_FILES, check_count, is_state, limit, too_large

SCHEME = "handover:"
COMMITS = ".bundle"  # beside the file: the commits that lead to it, for who verifies them himself
FORMAT_VERSION = "1.0"
_MAX_HEADER = 8 << 20  # bytes; 20,000 paths


def write(path: str, repo: RepoSnapshot, trouble: ReconcilerError | None = None) -> bool:
    """Hand a state over, with what keeps a newer one away; nothing is written where all that lies there already.

    Gives whether anything was new.

    Raises SourceUnreadable where it cannot be written.
    """
    content = _encoded(repo, trouble)
    target = Path(path)
    staged = target.with_name(f".{target.name}.new")
    try:
        if target.exists() and target.read_bytes() == content:
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(staged, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(target)
    except OSError as error:
        raise SourceUnreadable(f"{path}: cannot be written ({error.strerror})") from error
    return True


def read(path: str) -> RepoSnapshot:
    """The state that was handed over.

    Raises SourceUnreadable where there is none or it is damaged, StateInvalid where it holds too much.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SourceUnreadable(f"{path}: no regular file; is reconciler-puller.service running?")
            header = json.loads(file.readline(_MAX_HEADER))
            if str(header["format_version"]).partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
                raise SourceUnreadable(f"{path}: written by another version; restart the puller")
            if len(header["files"]) > MAX_FILES:
                raise SourceUnreadable(f"{path}: more than {MAX_FILES} files")
            files = {str(name): _piece(file.read, str(name), int(size)) for name, size in header["files"]}
            found = RepoSnapshot(files, str(header["revision"]), str(header["origin"]))
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}; is reconciler-puller.service running?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceUnreadable(f"{path}: damaged ({error}); the puller writes it anew") from error
    check_count(found.files, path)
    return found


def trouble(path: str) -> ReconcilerError | None:
    """What the puller says keeps newer states away; None where nothing does, or nothing can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            said = json.loads(file.readline(_MAX_HEADER)).get("trouble")
            return SourceTrouble.told(str(said["reason"]), str(said["text"])) if said else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _piece(read: Callable[[int], bytes], name: str, size: int) -> bytes:
    if not is_state(name):
        raise ValueError(f"{name!r} is no state file")
    if not 0 <= size <= limit(name):
        raise too_large(name, size)
    content = read(size)
    if len(content) != size:
        raise ValueError("cut short")
    return content


def _encoded(repo: RepoSnapshot, trouble: ReconcilerError | None) -> bytes:
    files = sorted(repo.files.items())
    header = {
        "format_version": FORMAT_VERSION,
        "revision": repo.revision,
        "origin": repo.origin,
        "trouble": {"reason": trouble.reason, "text": str(trouble)} if trouble else None,
        "files": [[name, len(content)] for name, content in files],
    }
    return json.dumps(header).encode() + b"\n" + b"".join(content for _, content in files)
