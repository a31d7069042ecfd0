"""A source asked again and again by a loop: cheap where nothing moved, slower where nobody answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError, SourceStale, SourceUnreadable
from reconciler.source.backoff import delay

if TYPE_CHECKING:
    from reconciler.model.snapshot import RepoSnapshot
    from reconciler.source.follow import Fetched, Source


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Asking:
    """Remembers what the ref named last, and what came of it: a commit that was refused is not fetched again.

    `clock` is monotonic, in seconds. `seed` makes the pauses of this host its own. `stale_after` 0 is never.
    """

    source: Source
    stale_after: timedelta = timedelta(0)
    now: Callable[[], datetime] = _now
    clock: Callable[[], float] = time.monotonic
    seed: str = field(default_factory=socket.gethostname)
    fetched: Fetched | None = None  # the last that was trusted
    _seen: str = ""
    _refusal: ReconcilerError | None = None
    _silence: SourceUnreadable | None = None
    _failed: int = 0
    _again: float = float("-inf")

    def last_good(self) -> RepoSnapshot | None:
        """What was trusted before this process began; no network is needed.

        Raises HostUnreadable where the record of trust is damaged.
        """
        self.fetched = self.fetched or self.source.last_good()
        return self.fetched.snapshot if self.fetched else None

    def stale(self) -> SourceStale | None:
        """What there is to say of a source that answers, and has had nothing new for too long."""
        if self.fetched is None or not self.fetched.is_stale(self.now(), self.stale_after):
            return None
        since = f"{self.fetched.moved_at:%Y-%m-%d}"
        return SourceStale(
            f"{self.source.remote.shown}: no commit since {since}, when {self.fetched.revision[:12]} came; "
            "look whether commits still arrive there, or set source.stale_after"
        )

    def read(self) -> RepoSnapshot:
        """The newest state that may be trusted.

        Raises SourceUnreadable while the remote is away (it is not asked again before a pause is over), and Untrusted,
        Rewound or StateInvalid as long as the ref names what was refused.
        """
        if self._silence and self.clock() < self._again:
            raise self._silence
        try:
            found = self._read()
        except SourceUnreadable as silence:
            self._failed += 1
            self._again = self.clock() + delay(self._failed, self.seed).total_seconds()
            self._silence = silence
            raise
        self._silence, self._failed = None, 0
        return found

    def _read(self) -> RepoSnapshot:
        from reconciler.source.follow import follow  # noqa: PLC0415 - GitPython costs 90 ms

        offered = self.source.poll()
        if offered != self._seen or not (self._refusal or self.fetched):
            self._refusal = None
            try:
                self.fetched = follow(self.source, self.now())
            except SourceUnreadable:
                raise
            except ReconcilerError as refusal:
                self._refusal = refusal
            self._seen = offered
        if self._refusal:
            raise self._refusal
        if self.fetched is None:
            raise SourceUnreadable(f"{self.source.remote.shown}: nothing was fetched")
        return self.fetched.snapshot
