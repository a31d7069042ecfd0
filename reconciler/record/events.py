"""Events as lines of JSON in STATE_DIR/<instance>/events.jsonl: appended, never rewritten, readable by a person."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.errors import HostUnreadable
from reconciler.model.journal import Journal
from reconciler.model.plan import Drift, Plan
from reconciler.model.receipt import Receipt

DRIFT_FOUND, APPLY_FINISHED, APPLY_FAILED = "drift.found", "apply.finished", "apply.failed"
TRANSACTION_RECOVERED = "transaction.recovered"
Fact = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `name` is `noun.past_participle`, `at` ISO 8601 with its zone; facts carry their unit in the key."""

    name: str
    at: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events of one instance; the file is 0600 whatever the umask."""

    path: Path

    def drift(self, plan: Plan, found: Drift, now: datetime) -> None:
        """A managed address that is not as it was last applied; `revision` is the commit it was held against."""
        self._append(
            DRIFT_FOUND,
            now,
            {"address": str(found.address), "written": found.written, "live": found.live, "revision": plan.revision},
        )

    def applied(self, plan: Plan, receipt: Receipt, now: datetime, duration_s: float) -> None:
        self._append(
            APPLY_FINISHED,
            now,
            {
                "revision": plan.revision,
                "changes": len(plan.changes),
                "files": len(receipt.written) + len(receipt.removed),
                "reloaded": receipt.reloaded,
                "transaction": receipt.transaction,
                "duration_s": round(duration_s, 3),
            },
        )

    def failed(self, plan: Plan, reason: str, why: str, now: datetime) -> None:
        """An apply that changed nothing, or whose changes were taken back."""
        self._append(APPLY_FAILED, now, {"revision": plan.revision, "reason": reason, "why": why})

    def recovered(self, journal: Journal, now: datetime) -> None:
        """A transaction that was interrupted, or whose end was not told, and how it ended."""
        if any(event.facts.get("transaction") == journal.number for event in self.read()):
            return  # told already, by a run that died before it could say so
        self._append(
            TRANSACTION_RECOVERED,
            now,
            {
                "transaction": journal.number,
                "revision": journal.revision,
                "phase": journal.phase.value,
                "why": journal.why,
            },
        )

    def _append(self, name: str, now: datetime, facts: Mapping[str, Fact]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        line = json.dumps({"event": name, "at": now.isoformat(timespec="seconds"), **facts}, ensure_ascii=True) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> Iterator[Event]:
        """Every event, oldest first; a line that a crash cut short is passed over.

        Raises HostUnreadable where the file may not be read.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise HostUnreadable(f"{self.path}: not readable; run as root, or name another --state-dir") from error
        for line in lines:
            event = _event(line)
            if event is not None:
                yield event


def _event(line: bytes) -> Event | None:
    try:
        facts = json.loads(line)
        return Event(facts.pop("event"), facts.pop("at"), facts)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
