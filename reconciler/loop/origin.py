"""Where the agent's state comes from, and the last good one, which stays in force while there is no newer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from reconciler import source
from reconciler.errors import ReconcilerError, SettingsInvalid
from reconciler.loop.asking import Asking
from reconciler.loop.following import NOT_SAID
from reconciler.loop.place import Where
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source import handover, layout

Read = Callable[[], RepoSnapshot]


@dataclass
class Origin:
    """`trouble` is why the newest state could not be had, or what is odd about it; None where all is well.

    `warn` says what is odd about a state that was had.
    """

    read: Read
    paths: Callable[[], tuple[str, ...]] = tuple
    warn: Callable[[], ReconcilerError | None] = lambda: None
    every: float = 0.0  # seconds between two questions to a remote; 0 where `paths` tell
    good: RepoSnapshot | None = None
    trouble: ReconcilerError | None = None
    _asked: float = field(default=float("-inf"))

    def is_due(self, now: float) -> bool:
        """Whether a remote is to be asked again."""
        return self.every > 0 and now - self._asked >= self.every

    def latest(self, now: float, *, asking: bool = True) -> RepoSnapshot:
        """The newest trusted state, else the last good one. Without `asking` a remote is left alone until it is due.

        Raises what reading raised where there never was a good one.
        """
        if not asking and self.every > 0 and self.good is not None and not self.is_due(now):
            return self.good
        self._asked = now
        try:
            self.good = self.read()
            self.trouble = self.warn()
        except ReconcilerError as error:
            self.trouble = error
            if self.good is None:
                raise
        return self.good


def of(where: Where, *, poll_s: float, stale_after: timedelta = timedelta(0)) -> Origin:
    """A directory, a file that the puller hands over, or a git URL, which tells when nothing comes for too long.

    Raises SettingsInvalid for a URL where nothing says whose commits are taken: nobody looks on when a loop takes them.
    """
    if where.repo.startswith(handover.SCHEME):
        path = where.repo.removeprefix(handover.SCHEME)
        if where.source:
            return _verified(path, Asking(where.source, stale_after))
        return Origin(lambda: handover.read(path), lambda: (path,), lambda: handover.trouble(path))
    if Path(where.repo).is_dir():
        root = os.path.join(where.repo, where.subdirectory)  # noqa: PTH118 - a str is what is wanted
        return Origin(lambda: _read(where), lambda: _state_files(root))
    if where.source:
        asking = Asking(where.source, stale_after)
        return Origin(asking.read, warn=asking.stale, every=poll_s, good=asking.last_good())
    if source.is_url(where.repo):
        raise SettingsInvalid((NOT_SAID,))
    return Origin(lambda: _read(where), every=poll_s)


def _verified(path: str, asking: Asking) -> Origin:
    """What the puller hands over, believed for its commits alone: each is verified here once more."""
    remote, handed = asking.source.remote, path + handover.COMMITS

    def read() -> RepoSnapshot:
        from reconciler.source import bundle  # noqa: PLC0415 - GitPython costs 90 ms

        bundle.take(handed, remote.bundle, remote.max_size)
        return asking.read()

    return Origin(
        read, lambda: (path, handed), lambda: handover.trouble(path) or asking.stale(), good=asking.last_good()
    )


def _read(where: Where) -> RepoSnapshot:
    return source.read(where.repo, branch=where.branch, subdirectory=where.subdirectory)


def _state_files(root: str) -> tuple[str, ...]:
    """The directories too: a file that is added changes them."""
    folders = [root, *(f"{root}/{name}" for name in layout.FOLDERS)]
    files = [f"{folder}/{name}" for folder in folders for name in _names(folder)]
    return (*folders, *(it for it in files if layout.is_state(os.path.relpath(it, root))))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths
    except OSError:
        return []
