"""What a recovery tells of itself, in the words of the event list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from reconciler.frozen import dataclass
from reconciler.host import clock
from reconciler.model.event import TRANSACTION_RECOVERED, Event, Fact
from reconciler.model.journal import Journal
from reconciler.model.moment import Moment
from reconciler.record.outbox import Outbox


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events of one instance, by the path of its outbox."""

    path: Path

    def recovered(self, journal: Journal, now: datetime) -> None:
        """A transaction that was interrupted, or whose end was not told, and how it ended."""
        if any(event.facts.get("transaction") == journal.number for event in self._lately()):
            return  # told already, by a run that died before it could say so
        facts: dict[str, Fact] = {
            "transaction": journal.number,
            "revision": journal.revision,
            "phase": journal.phase.value,
            "why": journal.why,
        }
        self._append(TRANSACTION_RECOVERED, facts, now)

    def _lately(self) -> Iterator[Event]:
        """With what was rotated away last."""
        yield from Outbox(self.path.with_name(f"{self.path.name}.1")).read()
        yield from self.read()

    def _append(self, name: str, facts: Mapping[str, Fact], at: datetime) -> None:
        moment = clock.now()
        Outbox(self.path).append(name, facts, Moment(at, moment.boot, moment.uptime_s))

    def read(self) -> Iterator[Event]:
        """Every event, oldest first. Raises HostUnreadable where the file may not be read."""
        return Outbox(self.path).read()
