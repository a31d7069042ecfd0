"""Large files of which some lines are replaced: the next version of the source, and of what postmap made of it.

Both are copies of the live file with the change made in them, and take the way of every other staged file from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import CommandFailed, Conflict
from reconciler.host import files, obstacles
from reconciler.host.programs import Postfix
from reconciler.model.snapshot import Excerpt, FileState
from reconciler.postfix import table
from reconciler.postfix.table import TableType, compiled_path

_PIECE = 16 << 20  # bytes the kernel copies at once
_FEW = 1 << 18  # bytes that change; beyond that a table is better built anew
_SAMPLES = 256  # rows that do not change and are looked up all the same: a hundredth that is lost shows in 92 of 100
_SAMPLE = 4096  # bytes, of which one line is taken
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def facts(path: str, within: Excerpt) -> FileState | None:
    """Owner, mode and attributes of the file that an excerpt was taken from, which is its content; else None."""
    try:
        with files.opened(path) as text:
            if (text.mark, text.size) != (within.mark, within.size):
                return None
            return text.state(path, within.before)
    except FileNotFoundError:
        return None


def stage(path: str, within: Excerpt, like: FileState | None) -> str:
    """Write the next version beside it, complete and on the disk; gives its path.

    Raises HostUnwritable, or Conflict where it is not the file that the excerpt was taken from.
    """
    staged, standing = files.staging_path(path), os.path.realpath(path)
    with files.typed(path):
        obstacles.refuse(path, standing)
        files.discard(staged)
        try:
            with _copy(standing, staged, within) as target:
                _clothe(target, like)
        except BaseException:
            files.discard(staged)
            raise
    return staged


@contextmanager
def _copy(standing: str, staged: str, within: Excerpt) -> Iterator[int]:
    """The new file, open. Raises OSError, Conflict."""
    with files.opened(standing) as text:
        if (text.mark, text.size) != (within.mark, within.size):
            raise Conflict(f"{standing} has changed since the plan was made; plan again")
        target = os.open(staged, _CREATE, 0o600)
        try:
            at = 0
            for hunk in within.hunks:
                _send(text.descriptor, target, at, hunk.start)
                _write(target, hunk.after)
                at = hunk.end
            _send(text.descriptor, target, at, within.size)
            yield target
            os.fsync(target)
        finally:
            os.close(target)


def _send(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        sent = os.sendfile(target, source, start, min(end - start, _PIECE))
        if not sent:
            raise OSError(None, "it was cut short while it was copied")
        start += sent


def _write(target: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(target, view) :]


def _clothe(target: int, like: FileState | None) -> None:
    files.own(target, like.mode if like else 0o644, like.uid if like else None, like.gid if like else None)
    files.dress(target, like.xattrs if like else {})


def amend(postfix: Postfix, kind: str, path: str, within: Excerpt, like: FileState | None) -> str | None:
    """A copy of the live compiled table with the rows changed, staged; None where it has to be built anew.

    What was changed is read back, and a sample from all over the table: the rest is the live one's, byte for byte, as
    far as postmap leaves pages alone, and as far as nobody has damaged that behind its time and size.

    Raises HostUnwritable.
    """
    before, after = within.before, within.after
    live = compiled_path(TableType(kind), path)
    if len(before) + len(after) > _FEW or not Path(live).is_file():
        return None
    was = {key: row.value for key, row in table.parse(before).rows.items()}
    rows = {key: row.value for key, row in table.parse(after).rows.items()}
    scratch = Path(files.scratch_path(path))
    files.discard_scratch(str(scratch))
    scratch.mkdir(mode=0o700)
    try:
        source = scratch / Path(path).name
        built = Path(compiled_path(TableType(kind), str(source)))
        with files.typed(path):
            _whole(live, str(built))
            sample = {key: value for key, value in _sample(path, within).items() if key not in was.keys() | rows.keys()}
        put = b"".join(key + b" " + value + b"\n" for key, value in rows.items() if was.get(key) != value)
        gone = [key for key in was if key not in rows]
        try:
            postfix.amend(kind, str(source), put, b"".join(key + b"\n" for key in gone))
            answers = postfix.query_all(kind, str(source), [_text(key) for key in (*rows, *gone, *sample)])
        except CommandFailed:  # what is really wrong, building it anew will say
            return None
        if answers != {_text(key): _text(value) for key, value in {**rows, **sample}.items()}:
            return None
        _like_its_source(built, like)
        return files.adopt(str(built), live)
    finally:
        files.discard_scratch(str(scratch))


def _sample(path: str, within: Excerpt) -> dict[bytes, bytes]:
    """Rows of the live source at even distances, each a line of its own; those that change are left out."""
    found: dict[bytes, bytes] = {}
    with files.opened(path) as text:
        for at in range(0, text.size, max(text.size // _SAMPLES, 1)):
            cut, newline, rest = os.pread(text.descriptor, _SAMPLE, at).partition(b"\n")
            line, whole, following = rest.partition(b"\n")
            start = at + len(cut) + len(newline)
            if not whole or following[:1] in (b"", b" ", b"\t", b"#"):  # it may go on
                continue
            if not any(hunk.start <= start + len(line) and start < hunk.end for hunk in within.hunks):
                found |= {key: row.value for key, row in table.parse(line).rows.items()}
    return found


def _whole(live: str, built: str) -> None:
    """A copy for us alone, until it is done."""
    with files.opened(live) as text:
        target = os.open(built, _CREATE, 0o600)
        try:
            _send(text.descriptor, target, 0, text.size)
        finally:
            os.close(target)


def _like_its_source(built: Path, like: FileState | None) -> None:
    """As postmap makes it: it drops to the owner of its source."""
    if like is not None:
        os.chown(built, like.uid, like.gid)
        built.chmod(like.mode)


def lines(within: Excerpt) -> bytes:
    """What takes a change back: of each stretch where it begins in the new version, its length there, the old lines."""
    out, shift = [], 0
    for hunk in within.hunks:
        out.append(b"%d %d %d\n" % (hunk.start + shift, len(hunk.after), len(hunk.before)) + hunk.before)
        shift += len(hunk.after) - len(hunk.before)
    return b"".join(out)


def old(target: str, copy: str) -> FileState | None:
    """The old version of a file, from the new one and the lines that were kept; None where one of them is gone.

    Raises HostUnreadable.
    """
    new, kept = files.read(target), files.read(copy)
    if new is None or kept is None:
        return None
    parts: list[bytes] = []
    at = read = 0
    while read < len(kept.content):
        end = kept.content.index(b"\n", read)
        start, length, size = map(int, kept.content[read:end].split())
        parts += [new.content[at:start], kept.content[end + 1 : end + 1 + size]]
        at, read = start + length, end + 1 + size
    content = b"".join((*parts, new.content[at:]))
    return FileState(content, new.mode, new.uid, new.gid, new.mtime_ns, new.target, new.xattrs)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
