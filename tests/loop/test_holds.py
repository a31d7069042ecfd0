from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from reconciler.apply.state import StateDirectory
from reconciler.cli.pause import parse_end
from reconciler.errors import StateUnusable, UsageError
from reconciler.loop import holds
from reconciler.loop.holds import Rules
from reconciler.loop.windows import Window
from reconciler.model.moment import Moment

NOW = datetime.now(UTC)
MOMENT = Moment(NOW, "boot", 1000.0)
FREE = Rules(locks=())


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(str(tmp_path), "mx")


def test_nothing_holds_a_host_that_nobody_holds(state: StateDirectory) -> None:
    assert holds.hold(state, FREE, MOMENT) is None


def test_a_pause_says_who_why_and_until_when(state: StateDirectory) -> None:
    made = holds.pause(state, "maintenance", NOW + timedelta(hours=2))
    held = holds.hold(state, FREE, MOMENT)
    assert held is not None
    assert held.until == (NOW + timedelta(hours=2)).replace(microsecond=0)
    assert held.text == f"paused by {made.by} until {held.until.isoformat(timespec='minutes')}: maintenance"


def test_a_pause_ends_at_its_end_or_when_it_is_resumed(state: StateDirectory) -> None:
    holds.pause(state, "maintenance", NOW + timedelta(hours=2))
    assert holds.hold(state, FREE, Moment(NOW + timedelta(hours=3), "boot", 2000.0)) is None
    holds.pause(state, "for good", None)
    assert holds.resume(state)
    assert holds.hold(state, FREE, MOMENT) is None
    assert not holds.resume(state)


def test_a_pause_needs_a_reason_and_an_end_that_is_to_come(state: StateDirectory) -> None:
    with pytest.raises(UsageError):
        holds.pause(state, " ", None)
    with pytest.raises(UsageError):
        holds.pause(state, "why", NOW - timedelta(minutes=1))


def test_a_pause_that_cannot_be_read_is_no_permission(state: StateDirectory) -> None:
    state.prepare()
    holds.pause_file(state).write_text("{")
    with pytest.raises(StateUnusable):
        holds.hold(state, FREE, MOMENT)


def test_outside_of_its_windows_a_host_waits_for_the_next(state: StateDirectory) -> None:
    window = Window(frozenset({0}), time(2, 0), time(4, 0))
    rules = Rules(windows=(window,), time_zone="Europe/Berlin", locks=())
    tuesday = Moment(datetime(2027, 1, 5, 12, 0, tzinfo=UTC), "boot", 0.0)
    held = holds.hold(state, rules, tuesday)
    assert held is not None
    assert (held.word, held.text) == ("OutsideWindow", "the next window opens Mon 02:00 Europe/Berlin")
    monday = Moment(datetime(2027, 1, 11, 1, 30, tzinfo=UTC), "boot", 0.0)  # half past two in Berlin
    assert holds.hold(state, rules, monday) is None


def test_the_end_of_a_pause_is_a_duration_a_time_of_day_or_a_date() -> None:
    now = datetime(2027, 1, 4, 12, 0, tzinfo=UTC)
    assert parse_end("2h", now) == now + timedelta(hours=2)
    assert parse_end("18:30", now) == now.replace(hour=18, minute=30)
    assert parse_end("6:30", now) == now.replace(day=5, hour=6, minute=30)
    assert parse_end("2027-01-31T18:00+01:00", now) == datetime(2027, 1, 31, 17, 0, tzinfo=UTC)
    with pytest.raises(UsageError, match="'soon' is no time"):
        parse_end("soon", now)
