"""Guarantee 20: the remote is asked again after at most five minutes, and not by all hosts at once."""

from __future__ import annotations

from datetime import timedelta

from reconciler.source.backoff import LONGEST, delay


def test_20_it_grows_to_five_minutes_and_no_further() -> None:
    delays = [delay(attempt, "mx1") for attempt in range(1, 200)]
    assert timedelta(minutes=5) == LONGEST
    assert all(timedelta(seconds=1) <= it <= LONGEST for it in delays)
    assert all(it >= LONGEST / 2 for it in delays[10:])
    assert delays[0] <= timedelta(seconds=2)


def test_20_the_same_attempt_and_seed_give_the_same_delay_and_hosts_differ() -> None:
    assert delay(7, "mx1") == delay(7, "mx1")
    assert len({delay(9, f"mx{number}") for number in range(100)}) == 100
