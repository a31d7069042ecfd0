from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.incident import fight
from reconciler.incident.machine import REOPENED_WITHIN_S, fold, history
from reconciler.model.drift import Kind
from reconciler.model.event import Event
from reconciler.model.incident import Incident, Resolution, Severity

KEY = "parameter/main.cf/smtp_tls_loglevel"


def event(sequence: int, name: str, uptime_s: float = 0.0, boot: str = "b", **facts) -> Event:
    about = {"kind": "parameter", "address": "main.cf/smtp_tls_loglevel"}
    return Event("o", sequence, name, f"2026-11-23T12:00:{sequence:02}+00:00", boot, uptime_s, about | facts)


def found(sequence: int, uptime_s: float = 0.0, boot: str = "b", *, live: str | None = "3", **facts) -> Event:
    return event(sequence, "drift.found", uptime_s, boot, written="1", live=live, cause="corrective", **facts)


def ended(sequence: int, uptime_s: float = 0.0, boot: str = "b", *, how: Resolution = Resolution.HEALED) -> Event:
    return event(sequence, "drift.resolved", uptime_s, boot, resolution=how.value)


def one(*events: Event) -> Incident:
    return fold({}, events)[KEY]


def test_a_found_drift_opens_an_incident() -> None:
    assert one(found(7, 5.0, look=3, who="uid 0", revision="1a2b")) == Incident(
        outbox="o", number=7, kind=Kind.PARAMETER, subject="main.cf/smtp_tls_loglevel", severity=Severity.WARNING,
        written="1", live="3", cause="corrective", detail="", who="uid 0", revision="1a2b",
        first_seen="2026-11-23T12:00:07+00:00", last_seen="2026-11-23T12:00:07+00:00",
        boot="b", opened_s=5.0, seen_s=5.0, count=1, looks=(3,),
    )  # fmt: skip


def test_seen_again_it_goes_on_and_is_not_counted_again() -> None:
    after = one(found(1), event(2, "drift.seen", 60.0, look=2))
    assert (after.number, after.count, after.last_seen, after.seen_s) == (1, 1, "2026-11-23T12:00:02+00:00", 60.0)


def test_a_resolved_one_says_how_and_when() -> None:
    after = one(found(1), ended(2, 9.0, how=Resolution.ADOPTED))
    assert (after.is_open, after.resolution, after.resolved) == (False, Resolution.ADOPTED, "2026-11-23T12:00:02+00:00")


def test_healed_and_soon_back_it_is_the_same_incident_counted_up() -> None:
    after = one(found(1), ended(2, 1.0), found(3, REOPENED_WITHIN_S))
    assert (after.number, after.count, after.is_open, after.corrections) == (1, 2, True, (1.0,))


def test_back_after_long_or_after_git_took_it_over_it_is_a_new_one() -> None:
    assert one(found(1), ended(2, 1.0), found(3, 2.0 + REOPENED_WITHIN_S)).number == 3
    assert one(found(1), ended(2, how=Resolution.ADOPTED), found(3)).number == 3
    assert one(found(1), ended(2, how=Resolution.REVERTED), found(3)).number == 1


def test_30_changed_back_again_and_again_it_is_a_fight() -> None:
    events: list[Event] = []
    number = 0
    for round_ in range(fight.CORRECTIONS):
        assert not any(it.fighting for it in fold({}, events).values())
        events += [found(number + 1, float(round_)), ended(number + 2, round_ + 0.5)]
        number += 2
    after = one(*events)
    assert (after.fighting, after.severity, after.count) == (True, Severity.CRITICAL, fight.CORRECTIONS)
    assert len(history(events)) == 1


def test_a_reboot_forgets_the_corrections_for_uptimes_begin_anew() -> None:
    after = one(found(1, 900.0), ended(2, 901.0), found(3, 950.0), event(4, "drift.seen", 5.0, "other"))
    assert (after.corrections, after.opened_s, after.boot) == ((), 0.0, "other")


def test_resuming_the_agent_ends_a_fight() -> None:
    events = [it for n in range(fight.CORRECTIONS) for it in (found(2 * n + 1, n), ended(2 * n + 2, n + 0.5))]
    after = one(*events, event(9, "agent.resumed"))
    assert (after.fighting, after.corrections) == (False, ())


def test_30_corrections_further_apart_than_the_span_are_no_fight() -> None:
    step = fight.SPAN_S / (fight.CORRECTIONS - 1) + 1
    events = [it for n in range(9) for it in (found(2 * n + 1, n * step), ended(2 * n + 2, n * step + 0.5))]
    after = one(*events)
    assert (after.fighting, after.count) == (False, 9)


def test_30_a_new_commit_ends_a_fight() -> None:
    events = [it for n in range(fight.CORRECTIONS) for it in (found(2 * n + 1, n), ended(2 * n + 2, n + 0.5))]
    before = one(*(replace(it, facts={**it.facts, "revision": "c1"}) for it in events))
    after = fold({KEY: before}, (found(9, 10.0, revision="c2"),))[KEY]
    assert (before.fighting, after.fighting, after.severity) == (True, False, Severity.WARNING)


def test_30_what_is_left_alone_is_a_fight_whatever_was_counted() -> None:
    after = one(found(1), event(2, "heal.suspended"))
    assert (after.fighting, after.severity) == (True, Severity.CRITICAL)


def test_what_comes_next_stands_in_it_until_it_is_over() -> None:
    deferred = event(2, "heal.deferred", note="pause, adopt or it reverts at 03:40 UTC")
    assert one(found(1), deferred).note == "pause, adopt or it reverts at 03:40 UTC"
    assert one(found(1), deferred, ended(3)).note == ""
    assert one(found(1), ended(2), deferred).note == ""


def test_trouble_lives_as_drift_does() -> None:
    facts = {"kind": "source unreachable", "address": "https://git.example/x"}
    opened = Event("o", 1, "trouble.found", "t1", "b", 1.0, {**facts, "live": "no answer"})
    closed = Event("o", 2, "trouble.resolved", "t2", "b", 2.0, {**facts, "resolution": "went away"})
    (after,) = fold({}, (opened, closed)).values()
    assert (after.kind, after.resolution, after.live) == (Kind.SOURCE_UNREACHABLE, Resolution.WENT_AWAY, "no answer")


def test_what_says_nothing_about_incidents_changes_none() -> None:
    before = fold({}, (found(1),))
    other = Event("o", 2, "apply.finished", "t", "b", 1.0, {"changes": 3})
    unknown = Event("o", 3, "drift.found", "t", "b", 1.0, {"kind": "of a later version", "address": "x"})
    assert fold(before, (other, unknown)) == before


names = st.sampled_from(["drift.found", "drift.seen", "drift.resolved"])


@given(
    st.lists(st.tuples(names, st.sampled_from("xyz"), st.floats(0, 9000), st.integers(-10, 10)), max_size=30), st.data()
)
def test_31_folding_in_any_two_steps_is_folding_at_once_and_no_date_matters(steps, data) -> None:
    events = [
        event(number, name, uptime, address=address, written="1", live="2", resolution="healed")
        for number, (name, address, uptime, _) in enumerate(steps, 1)
    ]
    cut = data.draw(st.integers(0, len(events)))
    whole = fold({}, events)
    assert fold(fold({}, events[:cut]), events[cut:]) == whole
    moved = [replace(it, at=f"{2026 + step[3]}-01-01T00:00:00+00:00") for it, step in zip(events, steps, strict=True)]
    assert blind(fold({}, moved)) == blind(whole)


def blind(incidents: dict[str, Incident]) -> dict[str, Incident]:
    return {key: replace(it, first_seen="", last_seen="", resolved="") for key, it in incidents.items()}
