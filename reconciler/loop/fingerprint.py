"""What a pass has read, as stat sees it: while none of it has changed, nothing has to be read again."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.frozen import dataclass
from reconciler.host import master
from reconciler.model.snapshot import HostSnapshot
from reconciler.postfix.table import TableType, compiled_path

if TYPE_CHECKING:
    from reconciler.live.config import LiveConfig
    from reconciler.loop.look import Sight

Mark = tuple[int, int, int, int] | None  # size, mtime, inode, ctime; None where there is nothing
_LINKS = 40  # as many as the kernel follows


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Paths with their marks: of the name itself, and of what it leads to."""

    marks: Mapping[str, tuple[Mark, Mark]]

    def still_hold(self) -> bool:
        """Whether everything is as it was; costs a few system calls a path."""
        return all(mark(path) == known for path, known in self.marks.items())

    @property
    def directories(self) -> frozenset[str]:
        """Where a change of any of it is seen: the directories of every name and of every link on its way."""
        found = {posixpath.dirname(step) for path in self.marks for step in _way(path)}
        return frozenset(_standing(it) for it in found)


@dataclass(frozen=True, slots=True)
class Master:
    """Which master(8) works on a queue; `pid` is None where none does. Its pid file stays when it ends."""

    queue_directory: str
    pid: int | None

    @classmethod
    def of(cls, live: LiveConfig) -> Master:
        """As a snapshot saw it."""
        queue_directory = live.view.get("queue_directory")
        return cls(queue_directory, master.pid(queue_directory))

    def is_same(self) -> bool:
        return master.pid(self.queue_directory) == self.pid


def of(paths: Iterable[str]) -> Fingerprints:
    return Fingerprints({path: mark(path) for path in paths})


def of_sight(sight: Sight, before: Fingerprints, more: Iterable[str]) -> Fingerprints:
    """Of everything that was read, as it was *before* it was read: what changed meanwhile shall be looked at again."""
    seen = of((*_paths(sight.live.snapshot, sight.live.view.get("queue_directory")), *more))
    return Fingerprints({path: _earlier(path, now, before, sight.live.snapshot) for path, now in seen.marks.items()})


def mark(path: str) -> tuple[Mark, Mark]:
    own = _mark(path, follow=False)
    return own, _mark(path, follow=True) if own else None


def _mark(path: str, *, follow: bool) -> Mark:
    try:
        about = os.stat(path, follow_symlinks=follow)  # noqa: PTH116 - a thousand times a second
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns, about.st_ino, about.st_ctime_ns


def _earlier(path: str, now: tuple[Mark, Mark], before: Fingerprints, snapshot: HostSnapshot) -> tuple[Mark, Mark]:
    """Where stat already tells another moment than the one that was read, the mark that no file has."""
    if path in before.marks:
        return before.marks[path]
    state = snapshot.files.get(path)
    if state is not None and (now[1] is None or now[1][1] != state.mtime_ns):
        return (-1, -1, -1, -1), None
    return now


def _paths(snapshot: HostSnapshot, queue_directory: str) -> Iterable[str]:
    for path in (*snapshot.files, *snapshot.absent, *snapshot.pems):
        yield from path.split(" ")  # several that are read as one
    for path, kind in snapshot.kinds.items():
        if TableType(kind).compiled:
            yield compiled_path(TableType(kind), path)
    yield f"{queue_directory}/pid/master.pid"


def _way(path: str) -> list[str]:
    """A path, and what each symbolic link on the way leads to."""
    steps = [path]
    for _ in range(_LINKS):
        try:
            target = str(Path(steps[-1]).readlink())
        except OSError:
            break
        steps.append(posixpath.normpath(posixpath.join(posixpath.dirname(steps[-1]), target)))
    real = posixpath.realpath(path)
    return steps if real in steps else [*steps, real]


def _standing(directory: str) -> str:
    """The directory, or the nearest one above it that is there."""
    here = Path(directory)
    while not here.is_dir() and here != here.parent:
        here = here.parent
    return str(here)
