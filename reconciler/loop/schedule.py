"""When the agent acts next: a pure function of what it knows, the time since the machine started, and what woke it."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from reconciler.frozen import dataclass, replace


class Wake(StrEnum):
    """What woke the agent."""

    CLOCK = "clock"
    CHANGED = "changed"  # something in a directory that the plan depends on
    ASKED = "asked"  # the trigger file, SIGHUP


class Outcome(StrEnum):
    """How a look ended."""

    SETTLED = "settled"  # nothing to do, or nothing that may be done now
    APPLIED = "applied"  # looked at once more at once: only then it is known that nothing is left
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds."""

    interval: float = 60.0  # between two looks at what may have changed unnoticed
    resync: float = 900.0  # between two readings of everything
    debounce: float = 0.01  # of quiet after an edit
    patience: float = 1.0  # the most that a burst of edits puts a look off
    first_retry: float = 2.0
    last_retry: float = 300.0
    gap: float = 1.0  # between two looks that were asked for: who asks in a loop is not answered in one
    heartbeat: float = 30.0  # the longest sleep: the watchdog of systemd waits for a sign of life
    jitter: float = 0.1  # of interval and retries: four hundred hosts do not ask at the same moment


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is due when, in seconds of a clock that nobody sets; None is never."""

    look: float = 0.0
    resync: float = 0.0
    due: float | None = None  # the end of a delay: a pause, a window, an edit to be healed
    noticed: float | None = None  # the first of a burst of changes
    quiet: float | None = None  # when the burst is over
    failures: int = 0
    ended: float = float("-inf")  # when the last pass did


@dataclass(frozen=True, slots=True)
class Sleep:
    until: float


@dataclass(frozen=True, slots=True)
class Look:
    """`full` reads everything, whether or not a change was noticed."""

    full: bool


Action = Sleep | Look


def woken(schedule: Schedule, now: float, wake: Wake, times: Times) -> Schedule:
    """The schedule after something happened."""
    match wake:
        case Wake.CLOCK:
            return schedule
        case Wake.CHANGED:
            first = now if schedule.noticed is None else schedule.noticed
            return replace(schedule, noticed=first, quiet=min(now + times.debounce, first + times.patience))
        case Wake.ASKED:
            at = max(now, schedule.ended + times.gap)
            return replace(schedule, look=at, resync=at)
        case _:
            assert_never(wake)


def next_action(schedule: Schedule, now: float, times: Times) -> Action:
    """Look now, or sleep until something is due; never longer than a heartbeat."""
    if now >= schedule.resync or (schedule.due is not None and now >= schedule.due):
        return Look(full=True)
    if now >= schedule.look or (schedule.quiet is not None and now >= schedule.quiet):
        return Look(full=False)
    moments = [schedule.look, schedule.resync, now + times.heartbeat]
    moments += [it for it in (schedule.due, schedule.quiet) if it is not None]
    return Sleep(min(moments))


def looked(schedule: Schedule, now: float, times: Times, *, chance: float) -> Schedule:
    """After a tick that found every fingerprint as it was; what is due stays due. `chance` is from 0 to below 1."""
    wait = _retry(schedule.failures, times) if schedule.failures else times.interval
    return replace(schedule, look=now + wait * _spread(chance, times), noticed=None, quiet=None)


def passed(
    schedule: Schedule, now: float, outcome: Outcome, times: Times, *, chance: float, due: float | None = None
) -> Schedule:
    """After a whole pass. `due` is when what it left undone may be done."""
    spread = _spread(chance, times)
    match outcome:
        case Outcome.SETTLED:
            return Schedule(now + times.interval * spread, now + times.resync * spread, due, ended=now)
        case Outcome.APPLIED:
            return Schedule(now, now, due, ended=now)
        case Outcome.FAILED:
            failures = schedule.failures + 1
            wait = _retry(failures, times) * spread
            return Schedule(now + wait, now + wait, due, failures=failures, ended=now)
        case _:
            assert_never(outcome)


def _retry(failures: int, times: Times) -> float:
    """Doubled with every failure, and never more than the last one is."""
    return float(min(times.first_retry * 2 ** min(failures - 1, 30), times.last_retry))


def _spread(chance: float, times: Times) -> float:
    """At most what was asked for: a limit with jitter is still a limit."""
    return 1 - times.jitter * chance
