from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.loop.heal import CarryOut, Deferred, Edit, Hold, Memory, Nothing, Policy, Wait, decide, healed, take_in
from reconciler.model import address
from reconciler.model.moment import Moment
from reconciler.model.plan import Change, Difference, Disruption, Drift, Plan, Reason, Why

LEVEL = address.parse("main.cf/smtpd_tls_security_level")
LOG = address.parse("main.cf/smtpd_tls_loglevel")
ROW = address.parse("table/tls_policy#bank.example")
TABLE = address.parse("table/tls_policy")
NOON = datetime(2027, 1, 4, 12, 0, tzinfo=UTC)


def moment(seconds: float) -> Moment:
    return Moment(NOON + timedelta(seconds=seconds), "boot", 1000 + seconds)


def change(where: address.Address, reason: Reason = Reason.DRIFT_DETECTED) -> Change:
    why = Why.INTENTIONAL if reason is Reason.DECLARED else Why.CORRECTIVE
    return Change(where, "none", "may", why, reason, Disruption.RELOAD)


def plan(*changes: Change, revision: str = "c1", live: str = "none") -> Plan:
    drift = tuple(Drift(it.address, "may", live) for it in changes if it.reason is Reason.DRIFT_DETECTED)
    return Plan("mx", "", "/etc/postfix", "3.7", revision, "git", "", "", changes, drift)


def seen(made: Plan, at: float = 0.0) -> Memory:
    return take_in(Memory("c1"), made, moment(at))[0]


def test_an_empty_plan_leaves_nothing_to_decide() -> None:
    assert decide(plan(), Memory(), moment(0), Policy(), Hold("Paused", "why")) == Nothing()


def test_a_hand_edit_is_healed_at_once_where_nothing_else_is_said() -> None:
    made = plan(change(LEVEL))
    assert decide(made, seen(made), moment(0), Policy()) == CarryOut()


def test_a_delay_counts_from_when_the_edit_was_first_seen_and_tells_when_it_ends() -> None:
    made, policy = plan(change(LEVEL)), Policy(timedelta(minutes=15))
    memory = seen(made)
    note = "pause, adopt or it reverts at 12:15 UTC"
    deferred = Deferred(LEVEL, NOON + timedelta(minutes=15), note)
    told = f"main.cf/smtpd_tls_security_level was changed by hand: {note}"
    assert decide(made, memory, moment(600), policy) == Wait("HealDeferred", told, 1900, (deferred,))
    assert decide(made, memory, moment(900), policy) == CarryOut()


def test_another_edit_of_the_same_address_begins_the_delay_anew() -> None:
    memory = seen(plan(change(LEVEL)))
    later, news = take_in(memory, plan(change(LEVEL), live="encrypt"), moment(600))
    assert later.edits[str(LEVEL)].since == 1600
    assert (list(news.gone), list(news.found)) == ([str(LEVEL)], [str(LEVEL)])


def test_never_waits_for_a_person() -> None:
    made = plan(change(LEVEL))
    note = "it stays until it is adopted or put right by hand"
    told = f"main.cf/smtpd_tls_security_level was changed by hand: {note}"
    expected = Wait("HealDeferred", told, None, (Deferred(LEVEL, None, note),))
    assert decide(made, seen(made), moment(10**6), Policy(None)) == expected


def test_the_end_of_a_delay_is_told_in_the_time_zone_of_the_host_and_with_its_day_where_that_is_another() -> None:
    made = plan(change(LEVEL))
    for delay, told in ((timedelta(minutes=15), "13:15 CET"), (timedelta(hours=20), "Tue 05 Jan 09:00 CET")):
        decision = decide(made, seen(made), moment(0), Policy(delay, "Europe/Paris"))
        assert isinstance(decision, Wait)
        assert decision.deferred[0].note == f"pause, adopt or it reverts at {told}"


def test_a_commit_is_carried_out_at_once_beside_an_edit_that_waits() -> None:
    made = plan(change(LEVEL), change(LOG, Reason.DECLARED))
    decision = decide(made, seen(made), moment(0), Policy(timedelta(minutes=15)))
    assert isinstance(decision, CarryOut)
    assert (decision.held, decision.due) == (frozenset({LEVEL}), 1900)


def test_a_renewed_certificate_is_no_hand_edit() -> None:
    made = plan(change(address.parse("file/mx.pem"), Reason.CERTIFICATE_RENEWED))
    assert decide(made, seen(made), moment(0), Policy(None)) == CarryOut()


def test_a_table_is_not_built_while_a_row_edited_by_hand_stays() -> None:
    made = plan(change(ROW), change(TABLE, Reason.TABLE_STALE))
    assert isinstance(decide(made, seen(made), moment(0), Policy(None)), Wait)


def test_a_pause_holds_every_change_and_ends_by_itself() -> None:
    made = plan(change(LOG, Reason.DECLARED))
    hold = Hold("Paused", "paused by ops: why", NOON + timedelta(hours=1))
    assert decide(made, Memory(), moment(0), Policy(), hold) == Wait("Paused", "paused by ops: why", 4600)


def test_an_edit_under_a_pause_is_told_what_holds_it() -> None:
    made, hold = plan(change(LEVEL)), Hold("Paused", "paused by ops: why")
    expected = Wait("Paused", "paused by ops: why", None, (Deferred(LEVEL, None, "paused by ops: why"),))
    assert decide(made, seen(made), moment(0), Policy(), hold) == expected


def test_every_edit_is_news_once_when_it_comes_and_once_when_it_goes() -> None:
    made = plan(change(LEVEL))
    memory, news = take_in(Memory("c1"), made, moment(0))
    assert news.found == {str(LEVEL): Edit("may", "none", 1000.0, "2027-01-04T12:00:00+00:00")}
    again, nothing = take_in(memory, made, moment(60))
    assert (again, nothing.found, nothing.gone) == (memory, {}, {})
    after, over = take_in(memory, plan(), moment(120))
    assert (list(over.gone), after.edits) == ([str(LEVEL)], {})


def test_what_is_only_observed_is_news_and_is_never_healed() -> None:
    made = replace(plan(), observed=(Difference(LOG, "2", "1", None),))
    memory, news = take_in(Memory("c1"), made, moment(0))
    assert news.found[str(LOG)].observed
    assert decide(made, memory, moment(0), Policy()) == Nothing()


def flap(seconds: range, policy: Policy) -> tuple[Memory, list[int]]:
    """Somebody changes it back every second, and the agent looks every second."""
    memory, corrections = Memory("c1"), []
    for second in seconds:
        made = plan(change(LEVEL))
        memory, _ = take_in(memory, made, moment(second))
        if isinstance(decide(made, memory, moment(second), policy), CarryOut):
            memory = healed(memory, made, moment(second))
            memory, _ = take_in(memory, plan(), moment(second + 0.5))
            corrections.append(second)
    return memory, corrections


def test_30_who_changes_it_back_every_second_is_corrected_three_times_and_then_left_alone() -> None:
    """Guarantee 30."""
    memory, corrections = flap(range(3600), Policy())
    assert corrections == [0, 1, 2]
    assert list(memory.fights) == [str(LEVEL)]


def test_30_who_is_as_quick_as_the_agent_fights_it_too() -> None:
    """Guarantee 30: made again before the next look, it was never seen to be gone."""
    memory, made = Memory("c1"), plan(change(LEVEL))
    for second in range(4):
        memory, _ = take_in(memory, made, moment(second))
        if isinstance(decide(made, memory, moment(second), Policy()), CarryOut):
            memory = healed(memory, made, moment(second))
    assert list(memory.fights) == [str(LEVEL)]


def test_30_a_fight_is_over_when_nobody_has_touched_it_for_an_hour() -> None:
    memory, _ = flap(range(5), Policy())
    made = plan(change(LEVEL))
    for minute in range(1, 59):
        memory, _ = take_in(memory, made, moment(60 * minute))
        assert isinstance(decide(made, memory, moment(60 * minute), Policy()), Wait)
    memory, _ = take_in(memory, made, moment(3700))
    assert decide(made, memory, moment(3700), Policy()) == CarryOut()


def test_30_a_new_commit_ends_a_fight() -> None:
    memory, _ = flap(range(5), Policy())
    made = plan(change(LEVEL), revision="c2")
    memory, _ = take_in(memory, made, moment(10))
    assert decide(made, memory, moment(10), Policy()) == CarryOut()


def test_31_a_clock_that_jumps_ten_years_moves_no_delay() -> None:
    """Guarantee 31: what counts is the uptime; the time of day is only shown."""
    made, policy = plan(change(LEVEL)), Policy(timedelta(minutes=15))
    memory = seen(made)
    for years in (-10, 10):
        jumped = replace(moment(600), at=NOON.replace(year=2027 + years))
        decision = decide(made, memory, jumped, policy)
        assert isinstance(decision, Wait)
        assert decision.due == 1900
        assert decide(made, memory, replace(jumped, uptime_s=1900.0), policy) == CarryOut()
