from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reconciler.model.event import TRANSACTION_RECOVERED
from reconciler.model.journal import Journal, Phase, Purpose
from reconciler.record.events import EventLog
from reconciler.record.outbox import Outbox

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_recovery_is_told_once_also_when_its_event_was_rotated_away(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    journal = Journal(
        7,
        Phase.DONE,
        Purpose.APPLY,
        "mx1",
        "",
        "/etc/postfix",
        "/var/spool/postfix",
        "1a2b",
        "repo",
        "d",
        "0.1",
        NOW.isoformat(),
        why="gone on with",
    )
    log.recovered(journal, NOW)
    log.recovered(journal, NOW)
    (event,) = log.read()
    assert event.name == TRANSACTION_RECOVERED
    assert event.facts == {"transaction": 7, "revision": "1a2b", "phase": "done", "why": "gone on with"}
    Outbox(log.path).rotate(1, event.outbox, at=0)
    log.recovered(journal, NOW)
    assert list(log.read()) == []


def test_no_file_is_no_event(tmp_path: Path) -> None:
    assert list(EventLog(tmp_path / "none.jsonl").read()) == []
