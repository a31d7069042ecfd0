"""What to do with a plan now: nothing, wait, or carry it out, with some addresses left as they are for the time being.

Pure. A change that follows a commit is made at once; one that undoes a hand edit is made when the policy says, and no
longer where somebody keeps changing it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.model.address import Address, RowAddress, TableAddress
from reconciler.model.moment import Moment
from reconciler.model.plan import Change, Plan, Reason


@dataclass(frozen=True, slots=True)
class Policy:
    """`delay` is how long a hand edit may stand, None for as long as it likes.

    An address that was healed `corrections` times within `span` is left alone until nobody has touched it for `calm`,
    a new commit comes, or a person says `reconciler resume`.
    """

    delay: timedelta | None = timedelta(0)
    corrections: int = 3
    span: timedelta = timedelta(minutes=10)
    calm: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Edit:
    """A value that is not what was written, as long as it stands."""

    written: str | None
    live: str | None
    since: float  # seconds of uptime
    at: str  # ISO 8601
    observed: bool = False  # in a part that is only observed: nobody heals it


@dataclass(frozen=True, slots=True)
class Memory:
    """What the agent remembers between passes, by address."""

    revision: str = ""
    good: str = ""  # the revision with which the host was last as it shall be
    edits: Mapping[str, Edit] = field(default_factory=dict)
    healed: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # when, in seconds since the start
    fights: Mapping[str, float] = field(default_factory=dict)  # when somebody last changed it back
    unit: str = ""  # the systemd service that Postfix was last seen to run in


@dataclass(frozen=True, slots=True)
class News:
    """What a pass has found that the one before it had not."""

    found: Mapping[str, Edit]
    gone: Mapping[str, Edit]


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason to change nothing. `until` is when it ends, as far as it is known; `word` is CamelCase."""

    word: str
    text: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """The host is as it shall be."""


@dataclass(frozen=True, slots=True)
class Wait:
    """There are changes that may not be made now. `due` is in seconds of uptime."""

    word: str
    text: str
    due: float | None = None


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Carry the plan out, but for `held`; those are `due` in seconds of uptime."""

    held: frozenset[Address] = frozenset()
    due: float | None = None
    text: str = ""


Decision = Nothing | Wait | CarryOut


def take_in(memory: Memory, plan: Plan, moment: Moment, policy: Policy) -> tuple[Memory, News]:
    """What is remembered after a look, and what is new in it."""
    now = {str(it.address): Edit(it.written, it.live, moment.uptime_s, _iso(moment)) for it in plan.drift}
    now |= {
        str(it.address): Edit(it.desired, it.live, moment.uptime_s, _iso(moment), observed=True)
        for it in plan.observed
        if str(it.address) not in now
    }
    known = {name: edit for name, edit in memory.edits.items() if name in now and _same(edit, now[name])}
    found = {name: edit for name, edit in now.items() if name not in known}
    gone = {name: edit for name, edit in memory.edits.items() if name not in known}
    moved_on = plan.revision != memory.revision
    fights = {} if moved_on else _fights(memory, found, moment, policy)
    healed = {} if moved_on else _recent(memory.healed, moment, policy)
    edits = {**known, **found}
    return replace(memory, revision=plan.revision, edits=edits, healed=healed, fights=fights), News(found, gone)


def healed(memory: Memory, plan: Plan, moment: Moment) -> Memory:
    """After the plan was carried out: when each hand edit in it was undone."""
    names = [str(it.address) for it in plan.changes if _undoes_an_edit(it)]
    times = {name: (*memory.healed.get(name, ()), moment.uptime_s) for name in names}
    return replace(memory, healed={**memory.healed, **times})


def known_good(memory: Memory, revision: str) -> Memory:
    """The host is as this revision says."""
    return replace(memory, good=revision)


def decide(plan: Plan, memory: Memory, moment: Moment, policy: Policy, hold: Hold | None = None) -> Decision:
    """What to do with this plan now."""
    if plan.is_empty:
        return Nothing()
    if hold is not None:
        return Wait(hold.word, hold.text, _uptime(hold.until, moment))
    edits = [it for it in plan.changes if _undoes_an_edit(it)]
    due = {it.address: _due(str(it.address), memory, policy) for it in edits}
    waiting = {address: when for address, when in due.items() if when is None or when > moment.uptime_s}
    if not waiting:
        return CarryOut()
    nearest = min((when for when in waiting.values() if when is not None), default=None)
    text = _told(waiting, memory, moment)
    held = frozenset(waiting) | _tables_of(waiting)
    if all(it.address in held for it in plan.changes):
        fought = all(str(address) in _fought(memory, policy) for address in waiting)
        return Wait("FightSuspended" if fought else "HealDeferred", text, nearest)
    return CarryOut(held, nearest, text)


def _undoes_an_edit(change: Change) -> bool:
    return change.reason is Reason.DRIFT_DETECTED and not change.forget


def _due(name: str, memory: Memory, policy: Policy) -> float | None:
    """When an edit is healed; None where only a person decides."""
    if policy.delay is None or name in _fought(memory, policy):
        return None
    edit = memory.edits.get(name)
    return edit.since + policy.delay.total_seconds() if edit else 0.0


def _fought(memory: Memory, policy: Policy) -> frozenset[str]:
    """The addresses that were healed as often as they may be, and that nobody has left alone since."""
    often = {name for name, times in memory.healed.items() if len(times) >= policy.corrections}
    return frozenset(often & memory.edits.keys()) | frozenset(memory.fights)


def _fights(memory: Memory, found: Mapping[str, Edit], moment: Moment, policy: Policy) -> dict[str, float]:
    calm = policy.calm.total_seconds()
    going_on = {name: last for name, last in memory.fights.items() if moment.uptime_s - last < calm or name in found}
    often = {name for name, times in _recent(memory.healed, moment, policy).items() if len(times) >= policy.corrections}
    return {
        name: moment.uptime_s if name in found else last
        for name, last in {**dict.fromkeys(often & found.keys(), moment.uptime_s), **going_on}.items()
    }


def _recent(healed: Mapping[str, tuple[float, ...]], moment: Moment, policy: Policy) -> dict[str, tuple[float, ...]]:
    """The corrections within the span."""
    begin = moment.uptime_s - policy.span.total_seconds()
    kept = {name: tuple(it for it in times if it > begin) for name, times in healed.items()}
    return {name: times for name, times in kept.items() if times}


def _tables_of(addresses: Iterable[Address]) -> frozenset[Address]:
    """A table with a row that stays as it is stays unbuilt: building it would put the edit into force."""
    return frozenset(TableAddress(it.path) for it in addresses if isinstance(it, RowAddress))


def _told(waiting: Mapping[Address, float | None], memory: Memory, moment: Moment) -> str:
    return "; ".join(
        f"{address} was changed by hand: {_ending(when, str(address) in memory.fights, moment)}"
        for address, when in sorted(waiting.items(), key=lambda it: str(it[0]))
    )


def _ending(when: float | None, fought: bool, moment: Moment) -> str:
    if fought:
        return "it was put right again and again and is left alone now; find who writes it, then `reconciler resume`"
    if when is None:
        return "it stays until it is adopted or put right by hand"
    at = moment.at + timedelta(seconds=when - moment.uptime_s)
    return f"pause, adopt or it reverts at {at:%H:%M}"


def _same(one: Edit, other: Edit) -> bool:
    return (one.written, one.live, one.observed) == (other.written, other.live, other.observed)


def _uptime(at: datetime | None, moment: Moment) -> float | None:
    return None if at is None else moment.uptime_s + max(0.0, (at - moment.at).total_seconds())


def _iso(moment: Moment) -> str:
    return moment.at.isoformat(timespec="seconds")
