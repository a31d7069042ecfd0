"""The puller's turn: send what the applier, without a network, laid down; fetch the newest trusted state for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.apply.state import StateDirectory
from reconciler.errors import ReconcilerError
from reconciler.loop import fingerprint
from reconciler.loop.fingerprint import Fingerprints
from reconciler.loop.origin import Origin
from reconciler.loop.schedule import Outcome
from reconciler.loop.telling import Teller
from reconciler.loop.turned import Turned
from reconciler.model.moment import Moment
from reconciler.source import handover

if TYPE_CHECKING:
    from reconciler.loop.carrier import Carrier
    from reconciler.source.follow import Source


@dataclass
class Pull:
    """Takes turns as an agent does; `path` is where the state is handed over."""

    path: str
    state: StateDirectory
    origin: Origin
    clock: Callable[[], Moment]
    teller: Teller
    carrier: Carrier | None = None
    watched: tuple[str, ...] = ()
    seen: Fingerprints = field(default_factory=lambda: Fingerprints({}))
    trouble: ReconcilerError | None = None
    newest: str = ""
    source: Source | None = None
    _bundled: str = ""

    def nothing_changed(self) -> bool:
        if self.carrier is not None and self.carrier.is_waiting:
            return False
        return bool(self.seen.marks) and not self.origin.is_due(self.clock().uptime_s) and self.seen.still_hold()

    def take(self, *, full: bool = True) -> Turned:
        """What waits to leave the host is carried first; then one fetch.

        Raises what fetching raises; what was handed over before stays in force.
        """
        if self.carrier is not None:
            self.carrier.carry(self.clock().uptime_s)
        self.settle()
        self.state.prepare()
        newest = self.origin.latest(self.clock().uptime_s, asking=full)
        self.trouble = self.origin.trouble
        self._hand_over_commits(newest.revision)
        if handover.write(self.path, newest, self.trouble) and newest.revision != self.newest:
            self.teller.tell("source.synced", {"revision": newest.revision, "origin": newest.origin}, self.clock())
        self.newest = newest.revision
        return Turned(Outcome.SETTLED, "HandedOver", f"{len(newest.files)} files", newest.revision)

    def _hand_over_commits(self, revision: str) -> None:
        """Before the state itself, which is what wakes the applier."""
        if self.source is None or revision == self._bundled:
            return
        from reconciler.source import bundle  # noqa: PLC0415 - GitPython costs 90 ms

        if bundle.write(self.source, revision, self.path + handover.COMMITS):
            self._bundled = revision

    def settle(self) -> None:
        self.seen = fingerprint.of((*self.origin.paths(), *self.watched))
