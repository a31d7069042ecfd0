from __future__ import annotations

from reconciler.loop.schedule import Look, Outcome, Schedule, Sleep, Times, Wake, looked, next_action, passed, woken

TIMES = Times(interval=60, resync=900, debounce=1, patience=5, first_retry=2, last_retry=300, heartbeat=30, jitter=0.1)
IDLE = Schedule(look=160, resync=1000)


def test_the_first_thing_an_agent_does_is_to_look_at_everything() -> None:
    assert next_action(Schedule(), 0.0, TIMES) == Look(full=True)


def test_an_idle_agent_sleeps_until_something_is_due_but_never_longer_than_a_heartbeat() -> None:
    assert next_action(IDLE, 100.0, TIMES) == Sleep(130.0)
    assert next_action(IDLE, 150.0, TIMES) == Sleep(160.0)
    assert next_action(IDLE, 160.0, TIMES) == Look(full=False)


def test_29_drift_is_seen_by_resync_with_the_watch_off() -> None:
    """Guarantee 29: nothing woke the agent, and everything is read all the same."""
    assert next_action(IDLE, 1000.0, TIMES) == Look(full=True)


def test_a_burst_of_changes_is_looked_at_once_it_is_quiet() -> None:
    one = woken(IDLE, 100.0, Wake.CHANGED, TIMES)
    two = woken(one, 100.9, Wake.CHANGED, TIMES)
    assert next_action(one, 100.5, TIMES) == Sleep(101.0)
    assert next_action(two, 101.0, TIMES) == Sleep(101.9)
    assert next_action(two, 101.9, TIMES) == Look(full=False)


def test_a_burst_without_end_is_looked_at_all_the_same() -> None:
    schedule = IDLE
    for tenth in range(1000, 1060):
        schedule = woken(schedule, tenth / 10, Wake.CHANGED, TIMES)
    assert next_action(schedule, 105.0, TIMES) == Look(full=False)


def test_who_asks_is_answered_at_once_and_in_full() -> None:
    assert next_action(woken(IDLE, 100.0, Wake.ASKED, TIMES), 100.0, TIMES) == Look(full=True)


def test_a_tick_that_finds_nothing_puts_off_neither_resync_nor_what_is_due() -> None:
    schedule = Schedule(look=100, resync=1000, due=130, quiet=100, noticed=99)
    assert looked(schedule, 100.0, TIMES, chance=0.0) == Schedule(look=160, resync=1000, due=130)


def test_what_is_due_is_read_in_full() -> None:
    assert next_action(Schedule(look=160, resync=1000, due=120), 120.0, TIMES) == Look(full=True)


def test_after_a_change_of_ours_it_is_looked_at_once_more() -> None:
    assert next_action(passed(IDLE, 100.0, Outcome.APPLIED, TIMES, chance=0.5), 100.0, TIMES) == Look(full=True)


def test_20_retries_come_later_and_later_and_never_more_than_five_minutes_apart() -> None:
    """Guarantee 20."""
    schedule, waits = Schedule(), []
    for _ in range(12):
        schedule = passed(schedule, 0.0, Outcome.FAILED, TIMES, chance=0.0)
        waits.append(schedule.look)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert passed(schedule, 0.0, Outcome.FAILED, TIMES, chance=0.999).look < 300


def test_a_change_that_is_noticed_after_a_failure_does_not_wait_for_the_retry() -> None:
    failed = passed(Schedule(failures=9), 0.0, Outcome.FAILED, TIMES, chance=0.0)
    assert next_action(woken(failed, 10.0, Wake.CHANGED, TIMES), 11.0, TIMES) == Look(full=False)
    assert looked(failed, 11.0, TIMES, chance=0.0).resync == failed.resync


def test_success_ends_the_backing_off() -> None:
    assert passed(Schedule(failures=9), 0.0, Outcome.SETTLED, TIMES, chance=0.0) == Schedule(
        look=60, resync=900, ended=0.0
    )


def test_agents_do_not_look_at_the_same_moment() -> None:
    looks = {passed(IDLE, 0.0, Outcome.SETTLED, TIMES, chance=it / 10).look for it in range(10)}
    assert len(looks) == 10
    assert min(looks) > 60 * 0.9


def test_27_who_asks_in_a_loop_is_answered_once_a_second() -> None:
    """Guarantee 27: a replayed request is one look too many, and no more than one a second."""
    after = passed(IDLE, 100.0, Outcome.SETTLED, TIMES, chance=0.0)
    for tenth in range(10):
        after = woken(after, 100 + tenth / 10, Wake.ASKED, TIMES)
    assert next_action(after, 100.9, TIMES) == Sleep(101.0)
    assert next_action(after, 101.0, TIMES) == Look(full=True)
