"""What an apply tells of itself, in the words of the event list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.host import clock
from reconciler.model.event import APPLY_FAILED, APPLY_FINISHED, DRIFT_FOUND, TRANSACTION_RECOVERED, Event, Fact
from reconciler.model.journal import Journal
from reconciler.model.moment import Moment
from reconciler.model.plan import Drift, Plan
from reconciler.model.receipt import Receipt
from reconciler.record.outbox import Outbox

__all__ = ["APPLY_FAILED", "APPLY_FINISHED", "DRIFT_FOUND", "TRANSACTION_RECOVERED", "EventLog"]


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events of one instance, by the path of its outbox."""

    path: Path

    def drift(self, plan: Plan, found: Drift, now: datetime) -> None:
        """A managed address that is not as it was last applied; `revision` is the commit it was held against."""
        facts = {"address": str(found.address), "written": found.written, "live": found.live, "revision": plan.revision}
        self._append(DRIFT_FOUND, facts, now)

    def applied(self, plan: Plan, receipt: Receipt, now: datetime, duration_s: float) -> None:
        facts: dict[str, Fact] = {
            "revision": plan.revision,
            "changes": len(plan.changes),
            "files": len(receipt.written) + len(receipt.removed),
            "reloaded": receipt.reloaded,
            "canary_skipped": receipt.skipped_trial,
            "transaction": receipt.transaction,
            "duration_s": round(duration_s, 3),
        }
        self._append(APPLY_FINISHED, facts, now)

    def failed(self, plan: Plan, reason: str, why: str, now: datetime) -> None:
        """An apply that changed nothing, or whose changes were taken back."""
        self._append(APPLY_FAILED, {"revision": plan.revision, "reason": reason, "why": why}, now)

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
