from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.incident.alerts import Known, Policy, after, due
from reconciler.incident.machine import fold
from reconciler.model.event import Event
from reconciler.model.incident import Incident, Severity
from reconciler.model.moment import Moment
from reconciler.model.told import Told

POLICY = Policy(repeat_interval=timedelta(hours=1))


def at(uptime_s: float, boot: str = "b", years: int = 0) -> Moment:
    return Moment(datetime(2026 + years, 11, 23, tzinfo=UTC), boot, uptime_s)


class Life:
    """Incidents as their events come, and what was told of them so far."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.incidents: dict[str, Incident] = {}
        self.told: dict[str, Told] = {}
        self.number = 0

    def event(self, name: str, uptime_s: float, address: str = "main.cf/x", **facts) -> None:
        self.number += 1
        about = {"kind": "parameter", "address": address, "written": "1", "live": "2", "cause": "corrective"}
        event = Event("o", self.number, name, "2026-11-23T12:00:00+00:00", "b", uptime_s, about | facts)
        self.incidents = fold(self.incidents, (event,))

    def words(self, now: Moment) -> list[tuple[str, ...]]:
        """What is sent at this moment: one tuple a message."""
        sent = []
        for alert in due(Known("mx1", "postfix", tuple(self.incidents.values())), self.told, self.policy, now):
            sent.append(tuple(f"{notice.word} {notice.incident.subject}" for notice in alert.notices))
            self.told |= after(alert, self.told, now)
        return sent


def test_an_incident_is_told_once_it_has_waited_for_others_of_its_group() -> None:
    life = Life()
    life.event("drift.found", 0.0)
    assert life.words(at(29.0)) == []
    life.event("drift.found", 29.0, "main.cf/y")
    assert life.words(at(30.0)) == [("opened main.cf/x", "opened main.cf/y")]
    assert life.words(at(60.0)) == []


def test_one_that_goes_on_is_told_again_after_the_repeat_interval_and_not_before() -> None:
    life = Life()
    life.event("drift.found", 0.0)
    assert life.words(at(30.0)) == [("opened main.cf/x",)]
    assert life.words(at(3629.0)) == []
    assert life.words(at(3630.0)) == [("reminded main.cf/x",)]
    assert life.words(at(3631.0)) == []


def test_that_it_is_over_is_told_once_and_only_where_it_was_told_that_it_began() -> None:
    life = Life()
    life.event("drift.found", 0.0)
    life.words(at(30.0))
    life.event("drift.resolved", 100.0, resolution="reverted")
    assert life.words(at(129.0)) == []
    assert life.words(at(130.0)) == [("resolved main.cf/x",)]
    assert life.words(at(9999.0)) == []


def test_one_that_was_healed_before_anybody_was_told_is_told_once_with_its_end() -> None:
    life = Life()
    life.event("drift.found", 0.0)
    life.event("drift.resolved", 1.0, resolution="healed")
    assert life.words(at(30.0)) == [("opened main.cf/x",)]
    assert life.words(at(90.0)) == []


def test_30_flapping_at_1_hz_is_one_alert_in_a_repeat_interval() -> None:
    life = Life()
    messages = []
    for second in range(2 * 3600):
        if second < 3600 + 1800:
            life.event("drift.found", float(second))
            life.event("drift.resolved", second + 0.5, resolution="healed")
        messages += [(second, message) for message in life.words(at(second + 0.7))]
    assert [message for _, message in messages] == [("opened main.cf/x",)]


def test_30_one_that_opens_and_heals_at_any_pace_alerts_once_in_a_repeat_interval() -> None:
    for pace in (7, 61, 400):
        life = Life()
        alerts = []
        for second in range(0, 3600, pace):
            life.event("drift.found", float(second))
            alerts += [m for m in life.words(at(second + 1.0)) if not m[0].startswith("resolved")]
            life.event("drift.resolved", second + pace / 2, resolution="reverted")
            alerts += [m for m in life.words(at(second + pace - 1.0)) if not m[0].startswith("resolved")]
        assert len(alerts) == 1, pace


def test_what_becomes_graver_does_not_wait_for_the_interval() -> None:
    life = Life()
    life.event("drift.found", 0.0, cause="observed")
    assert life.words(at(30.0)) == [("opened main.cf/x",)]
    life.event("drift.found", 40.0)
    assert life.words(at(41.0)) == [("opened main.cf/x",)]


def test_n_of_m_waits_until_enough_looks_have_found_it() -> None:
    life = Life(replace(POLICY, seen=2, of=3))
    life.event("drift.found", 0.0, look=1)
    assert life.words(at(60.0)) == []
    life.event("drift.seen", 61.0, look=4)
    assert life.words(at(62.0)) == []
    life.event("drift.seen", 63.0, look=6)
    assert life.words(at(64.0)) == [("opened main.cf/x",)]


def test_a_route_hears_of_its_severities_only() -> None:
    life = Life(replace(POLICY, severities=frozenset({Severity.CRITICAL})))
    life.event("drift.found", 0.0)
    life.event("drift.found", 0.0, "postfix", kind="postfix down")
    assert life.words(at(60.0)) == [("opened postfix",)]


def test_groups_are_apart_as_the_settings_say() -> None:
    life = Life(replace(POLICY, group_by=("host", "kind")))
    life.event("drift.found", 0.0)
    life.event("drift.found", 0.0, "postfix", kind="postfix down")
    assert len(life.words(at(60.0))) == 2
    together = Life(replace(POLICY, group_by=("host",)))
    together.event("drift.found", 0.0)
    together.event("drift.found", 0.0, "postfix", kind="postfix down")
    assert len(together.words(at(60.0))) == 1


def test_31_a_clock_that_jumps_sends_nothing_and_holds_nothing_back() -> None:
    life = Life()
    life.event("drift.found", 0.0)
    assert life.words(at(30.0, years=10)) == [("opened main.cf/x",)]
    assert life.words(at(31.0, years=-10)) == []
    assert life.words(at(3630.0, years=-10)) == [("reminded main.cf/x",)]


def test_after_a_restart_what_was_told_is_not_told_again() -> None:
    life = Life()
    life.event("drift.found", 0.0)
    life.words(at(30.0))
    restarted = Life()
    restarted.incidents, restarted.told = life.incidents, life.told
    assert restarted.words(at(31.0)) == []
    assert restarted.words(at(10.0, boot="next")) == []
