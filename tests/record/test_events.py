from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from reconciler.model.address import ParameterAddress
from reconciler.model.plan import Drift, Plan
from reconciler.model.receipt import Receipt
from reconciler.record.events import APPLY_FAILED, APPLY_FINISHED, DRIFT_FOUND, EventLog

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLAN = Plan("mx1", "", "/etc/postfix", "3.7.11", "1a2b", "repo", NOW.isoformat(), "d", ())


def test_events_are_read_back_in_their_order(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "mx1/events.jsonl")
    log.drift(PLAN, Drift(ParameterAddress("smtp_tls_loglevel"), "1", None), NOW)
    log.applied(PLAN, Receipt(written=("a",), reloaded=True), NOW, 0.21249)
    log.failed(PLAN, "RolledBack", "it\nbroke", NOW)
    events = list(log.read())
    assert [event.name for event in events] == [DRIFT_FOUND, APPLY_FINISHED, APPLY_FAILED]
    assert events[0].facts == {"address": "main.cf/smtp_tls_loglevel", "written": "1", "live": None, "revision": "1a2b"}
    assert events[1].facts["duration_s"] == 0.212
    assert events[0].at == "2026-11-23T12:00:00+00:00"


def test_the_file_is_for_root_alone_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        EventLog(tmp_path / "events.jsonl").failed(PLAN, "Conflict", "x", NOW)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600


def test_a_line_cut_short_by_a_crash_hides_no_other(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.failed(PLAN, "Conflict", "first", NOW)
    with log.path.open("ab") as file:
        file.write(b'{"event": "apply.fin\n')
    log.failed(PLAN, "Conflict", "second", NOW)
    assert [event.facts["why"] for event in log.read()] == ["first", "second"]


def test_no_file_is_no_event(tmp_path: Path) -> None:
    assert list(EventLog(tmp_path / "none.jsonl").read()) == []
