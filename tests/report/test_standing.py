"""What somebody reads at three in the morning: the gravest first, with what was found and what comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from reconciler.model.drift import Kind
from reconciler.model.incident import Incident, Resolution, Severity
from reconciler.model.standing import Standing, Sync
from reconciler.report import incidents, standing

NOW = datetime(2026, 11, 23, 3, 0, 0, tzinfo=UTC)
EDIT = Incident(
    outbox="o", number=1, kind=Kind.PARAMETER, subject="main.cf/smtpd_tls_security_level", severity=Severity.WARNING,
    written="may", live="none", cause="corrective", detail="", who="file of uid 0", revision="1a2b3c4d5e6f",
    first_seen="2026-11-23T02:50:00+00:00", last_seen="2026-11-23T02:50:00+00:00", boot="b", opened_s=0.0, seen_s=0.0,
    note="pause, adopt or it reverts at 03:05 UTC",
)  # fmt: skip
DOWN = replace(
    EDIT, number=2, kind=Kind.POSTFIX_DOWN, subject="postfix", severity=Severity.CRITICAL, written="running",
    live="not running", first_seen="2026-11-23T02:58:00+00:00", note="", who="", revision="",
)  # fmt: skip
HERE = Standing("mx1.test", "postfix", "/etc/postfix", NOW, "1a2b3c4d5e6f", last_look="2026-11-23T02:58:00+00:00")


def test_the_gravest_incident_comes_first_with_what_comes_next_below_each() -> None:
    text = standing.as_text(replace(HERE, incidents=(EDIT, DOWN), result="HealDeferred"))
    assert (
        text[text.index("Incidents:") :]
        == """\
Incidents: 2 open.
  critical  since 2026-11-23T02:58:00+00:00  postfix: was running, found not running
            postfix down
  warning   since 2026-11-23T02:50:00+00:00  main.cf/smtpd_tls_security_level: was may, found none
            parameter; file of uid 0; against 1a2b3c4d5e6f; pause, adopt or it reverts at 03:05 UTC
"""
    )
    assert "  last pass     2026-11-23T02:58:00+00:00 (2 min ago), HealDeferred\n" in text


def test_what_is_not_listed_is_counted() -> None:
    many = tuple(replace(EDIT, number=number, subject=f"main.cf/x{number}") for number in range(13))
    assert standing.as_text(replace(HERE, incidents=many)).endswith("  and 3 more: reconciler drift\n")


def test_a_postfix_that_is_down_is_a_matter_of_health_and_not_out_of_sync() -> None:
    assert replace(HERE, incidents=(DOWN,)).sync is Sync.SYNCED
    assert replace(HERE, incidents=(DOWN, EDIT)).sync is Sync.OUT_OF_SYNC


def test_drift_says_first_what_and_how_it_stands_and_then_the_rest() -> None:
    over = replace(EDIT, resolution=Resolution.HEALED, resolved="2026-11-23T02:51:00+00:00", note="", count=2)
    trouble = replace(DOWN, kind=Kind.SOURCE_UNREACHABLE, subject="SourceUnreadable", written=None, live="no answer")
    assert (
        incidents.as_text([("mx1", over), ("mx1", EDIT), ("mx1", trouble)])
        == """\
2026-11-23T02:50:00+00:00  main.cf/smtpd_tls_security_level: was may, found none; healed 2026-11-23T02:51:00+00:00
  parameter; 2 times; file of uid 0; against 1a2b3c4d5e6f
2026-11-23T02:50:00+00:00  main.cf/smtpd_tls_security_level: was may, found none; open, warning
  parameter; file of uid 0; against 1a2b3c4d5e6f; pause, adopt or it reverts at 03:05 UTC
2026-11-23T02:58:00+00:00  SourceUnreadable: no answer; open, critical
  source unreachable
Drift: 3 recorded, 2 open.
"""
    )
