"""Files put in place and taken back: what stood there is looked at after the swap, when nobody can replace it unseen.

To compare first and rename then loses what somebody writes in between. An exchange loses nothing: what was displaced is
still there, and where it is not the file that was recorded, the exchange is undone.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reconciler.errors import Conflict
from reconciler.host import files, rename
from reconciler.model.journal import Passage

_THEIRS = "was changed by somebody else meanwhile; their version was kept; plan again"


def carry(passage: Passage) -> None:
    """Put the next version in place; what stood there waits aside afterwards. Not yet on the disk: `sync`.

    Raises Conflict where the target is not `before` any more; then it is as it was.
    """
    with files.typed(passage.path):
        if posixpath.realpath(passage.path) != passage.target:
            raise Conflict(f"{passage.path} leads elsewhere since the change was prepared; plan again")
        if passage.before is None:
            if passage.after is not None:
                _move(passage, passage.aside, passage.target)
        elif files.fingerprint(passage.target) != passage.before:
            raise Conflict(f"{passage.path} {_THEIRS}")  # seen without touching anything
        else:
            _displace(passage)


def place(path: str, staged: str) -> None:
    """Give a staged file its name, on the disk.

    Raises Conflict where something has that name.
    """
    passage = Passage(path, posixpath.realpath(path), staged, after=files.fingerprint(staged))
    carry(passage)
    sync([passage])


def _displace(passage: Passage) -> None:
    if passage.after is None:
        _move(passage, passage.target, passage.aside)
    else:
        _exchange(passage)
    if files.fingerprint(passage.aside) != passage.before:
        _undo(passage)
        raise Conflict(f"{passage.path} {_THEIRS}")


def take_back(passage: Passage) -> None:
    """Undo `carry`: what was displaced stands in the target's place again.

    Raises Conflict where the target is not `after` any more; then it is as it was.
    """
    with files.typed(passage.path):
        if files.fingerprint(passage.target) != passage.after:
            raise Conflict(f"{passage.path} {_THEIRS}")
        _undo(passage)


def _undo(passage: Passage) -> None:
    if passage.before is None:
        _move(passage, passage.target, passage.aside)
    elif passage.after is None:
        _move(passage, passage.aside, passage.target)
    else:
        _exchange(passage)


def _exchange(passage: Passage) -> None:
    try:
        rename.exchange(passage.aside, passage.target)
    except FileNotFoundError as gone:
        raise Conflict(f"{passage.path} was removed by somebody else meanwhile; plan again") from gone


def _move(passage: Passage, source: str, target: str) -> None:
    try:
        rename.move(source, target)
    except FileExistsError as other:
        raise Conflict(f"{passage.path} has been made by somebody else meanwhile; plan again") from other
    except FileNotFoundError as gone:
        raise Conflict(f"{passage.path} was removed by somebody else meanwhile; plan again") from gone


def sync(passages: Iterable[Passage]) -> None:
    """Make the names durable."""
    for directory in sorted({posixpath.dirname(passage.target) for passage in passages}):
        with files.typed(directory):
            files.sync_directory(directory)


def clear(passage: Passage, keep: str) -> str:
    """Remove what waits aside; what is neither the old nor the new version is somebody's work, and goes to `keep`.

    Gives `keep` where it did, else nothing.
    """
    with files.typed(passage.path):
        found = files.fingerprint(passage.aside) if passage.aside else None
        with suppress(FileNotFoundError):
            Path(rename.between(passage.aside)).unlink()
        if passage.scratch:
            files.discard_scratch(passage.scratch)
        if found is None:
            return ""
        known = (passage.before, passage.after)
        if any(known) and found not in known:
            files.copy(passage.aside, keep)
            Path(passage.aside).unlink()
            return keep
        Path(passage.aside).unlink()
        return ""
