"""Times of the week in which changes are made. Pure: the moment is given, with its time zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from reconciler.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Begins on `days` (0 is Monday) at `begin`; where `end` is not after it, it ends the next day."""

    days: frozenset[int]
    begin: time
    end: time


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Whether `now`, in the time zone of the windows, lies in one of them. Without windows it always does."""
    known = tuple(windows)
    return not known or any(_holds(window, now) for window in known)


def opens(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When the next one begins, by the wall clock of its zone; None where there is none."""
    begins = [
        datetime.combine(now.date() + timedelta(days=ahead), window.begin, now.tzinfo)
        for window in windows
        for ahead in range(8)
        if (now.date() + timedelta(days=ahead)).weekday() in window.days
    ]
    return min((it for it in begins if it > now), default=None)


def _holds(window: Window, now: datetime) -> bool:
    clock = now.time().replace(tzinfo=None)
    yesterday = (now - timedelta(days=1)).weekday()
    if window.begin < window.end:
        return now.weekday() in window.days and window.begin <= clock < window.end
    return (now.weekday() in window.days and clock >= window.begin) or (yesterday in window.days and clock < window.end)
