"""What to do with a plan now: nothing, wait, or carry it out, with some addresses left as they are for the time being.

Pure. A change that follows a commit is made at once; one that undoes a hand edit is made when the policy says, and no
longer where somebody keeps changing it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.frozen import dataclass, replace
from reconciler.incident import fight
from reconciler.model.address import Address, RowAddress, TableAddress
from reconciler.model.moment import Moment
from reconciler.model.plan import Change, Plan, Reason


@dataclass(frozen=True, slots=True)
class Policy:
    """`delay` is how long a hand edit may stand, None for as long as it likes. Times are told in `time_zone`.

    What is fought for (`incident.fight`) is left alone until the fight is over.
    """

    delay: timedelta | None = timedelta(0)
    time_zone: str = "UTC"


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
class Deferred:
    """A hand edit that stands for now. `until` is when it is put back, None where only a person decides; `note` is what
    to tell that person.
    """

    address: Address
    until: datetime | None
    note: str

    def __str__(self) -> str:
        return f"{self.address} was changed by hand: {self.note}"


@dataclass(frozen=True, slots=True)
class Wait:
    """There are changes that may not be made now. `due` is in seconds of uptime."""

    word: str
    text: str
    due: float | None = None
    deferred: tuple[Deferred, ...] = ()


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Carry the plan out, but for `held`; those are `due` in seconds of uptime."""

    held: frozenset[Address] = frozenset()
    due: float | None = None
    deferred: tuple[Deferred, ...] = ()


Decision = Nothing | Wait | CarryOut
_FOUGHT = "it was put right again and again and is left alone now; find who writes it, then `reconciler resume`"
_STAYS = "it stays until it is adopted or put right by hand"


def take_in(memory: Memory, plan: Plan, moment: Moment) -> tuple[Memory, News]:
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
    fights = {} if moved_on else _fights(memory, found, moment)
    healed = {} if moved_on else _recent(memory.healed, moment)
    edits = {**known, **found}
    return replace(memory, revision=plan.revision, edits=edits, healed=healed, fights=fights), News(found, gone)


def healed(memory: Memory, plan: Plan, moment: Moment) -> Memory:
    """After the plan was carried out: when each hand edit in it was undone. Made again, it is another edit."""
    names = [str(it.address) for it in plan.changes if _undoes_an_edit(it)]
    times = {name: (*memory.healed.get(name, ()), moment.uptime_s) for name in names}
    edits = {name: edit for name, edit in memory.edits.items() if name not in times}
    return replace(memory, edits=edits, healed={**memory.healed, **times})


def known_good(memory: Memory, revision: str) -> Memory:
    """The host is as this revision says."""
    return replace(memory, good=revision)


def decide(plan: Plan, memory: Memory, moment: Moment, policy: Policy, hold: Hold | None = None) -> Decision:
    """What to do with this plan now."""
    if plan.is_empty:
        return Nothing()
    edits = [it for it in plan.changes if _undoes_an_edit(it)]
    if hold is not None:
        held_back = tuple(Deferred(it.address, hold.until, hold.text) for it in edits)
        return Wait(hold.word, hold.text, _uptime(hold.until, moment), held_back)
    due = {it.address: _due(str(it.address), memory, policy) for it in edits}
    waiting = {address: when for address, when in due.items() if when is None or when > moment.uptime_s}
    if not waiting:
        return CarryOut()
    nearest = min((when for when in waiting.values() if when is not None), default=None)
    deferred = tuple(_deferred(waiting, memory, moment, policy))
    held = frozenset(waiting) | _tables_of(waiting)
    if all(it.address in held for it in plan.changes):
        fought = all(str(address) in _fought(memory) for address in waiting)
        word = "FightSuspended" if fought else "HealDeferred"
        return Wait(word, "; ".join(map(str, deferred)), nearest, deferred)
    return CarryOut(held, nearest, deferred)


def _undoes_an_edit(change: Change) -> bool:
    return change.reason is Reason.DRIFT_DETECTED and not change.forget


def _due(name: str, memory: Memory, policy: Policy) -> float | None:
    """When an edit is healed; None where only a person decides."""
    if policy.delay is None or name in _fought(memory):
        return None
    edit = memory.edits.get(name)
    return edit.since + policy.delay.total_seconds() if edit else 0.0


def _fought(memory: Memory) -> frozenset[str]:
    """The addresses that were healed as often as they may be, and that nobody has left alone since."""
    often = {name for name, times in memory.healed.items() if fight.is_one(times)}
    return frozenset(often & memory.edits.keys()) | frozenset(memory.fights)


def _fights(memory: Memory, found: Mapping[str, Edit], moment: Moment) -> dict[str, float]:
    going_on = {
        name: last for name, last in memory.fights.items() if moment.uptime_s - last < fight.CALM_S or name in found
    }
    often = {name for name, times in _recent(memory.healed, moment).items() if fight.is_one(times)}
    return {
        name: moment.uptime_s if name in found else last
        for name, last in {**dict.fromkeys(often & found.keys(), moment.uptime_s), **going_on}.items()
    }


def _recent(healed: Mapping[str, tuple[float, ...]], moment: Moment) -> dict[str, tuple[float, ...]]:
    """The corrections that may still be those of a fight."""
    begin = moment.uptime_s - fight.SPAN_S
    kept = {name: tuple(it for it in times if it > begin) for name, times in healed.items()}
    return {name: times for name, times in kept.items() if times}


def _tables_of(addresses: Iterable[Address]) -> frozenset[Address]:
    """A table with a row that stays as it is stays unbuilt: building it would put the edit into force."""
    return frozenset(TableAddress(it.path) for it in addresses if isinstance(it, RowAddress))


def _deferred(
    waiting: Mapping[Address, float | None], memory: Memory, moment: Moment, policy: Policy
) -> Iterator[Deferred]:
    for address, when in sorted(waiting.items(), key=lambda it: str(it[0])):
        if str(address) in memory.fights:
            yield Deferred(address, None, _FOUGHT)
        elif when is None:
            yield Deferred(address, None, _STAYS)
        else:
            until = (moment.at + timedelta(seconds=when - moment.uptime_s)).astimezone(ZoneInfo(policy.time_zone))
            today = until.date() == moment.at.astimezone(until.tzinfo).date()
            form = "%H:%M %Z" if today else "%a %d %b %H:%M %Z"
            yield Deferred(address, until, f"pause, adopt or it reverts at {until:{form}}")


def _same(one: Edit, other: Edit) -> bool:
    return (one.written, one.live, one.observed) == (other.written, other.live, other.observed)


def _uptime(at: datetime | None, moment: Moment) -> float | None:
    return None if at is None else moment.uptime_s + max(0.0, (at - moment.at).total_seconds())


def _iso(moment: Moment) -> str:
    return moment.at.isoformat(timespec="seconds")
