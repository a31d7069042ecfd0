from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from reconciler.loop.windows import Window, is_open, opens

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Window(frozenset({4}), time(22, 0), time(4, 0))  # from Friday to Saturday
NOON = Window(frozenset(range(5)), time(12, 0), time(13, 0))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """In the week of Monday, 4 January 2027."""
    return datetime(2027, 1, day, hour, minute, tzinfo=BERLIN)


def test_without_windows_it_is_always_open() -> None:
    assert is_open((), at(4, 3))


@pytest.mark.parametrize(
    ("when", "open_"),
    [(at(4, 12), True), (at(4, 12, 59), True), (at(4, 13), False), (at(9, 12), False), (at(8, 22), True),
     (at(9, 3, 59), True), (at(9, 4), False), (at(8, 3), False)],
)  # fmt: skip
def test_a_window_is_open_from_its_begin_to_its_end_over_midnight_too(when: datetime, open_: bool) -> None:
    assert is_open((NIGHT, NOON), when) is open_


def test_the_next_one_begins_by_the_clock_of_its_zone() -> None:
    assert opens((NIGHT, NOON), at(8, 13)) == at(8, 22)
    assert opens((NIGHT,), at(9, 5)) == at(15, 22)
    assert opens((), at(9, 5)) is None


def test_a_window_at_an_hour_that_is_left_out_in_spring_still_has_a_begin() -> None:
    spring = Window(frozenset(range(7)), time(2, 30), time(3, 30))
    assert opens((spring,), datetime(2027, 3, 28, 0, 0, tzinfo=BERLIN)) is not None
