"""The life of incidents: a fold over events. Same events, same incidents; no clock is asked and none is trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.frozen import replace
from reconciler.incident import fight
from reconciler.incident.severity import severity
from reconciler.model.drift import Kind
from reconciler.model.event import (
    AGENT_RESUMED,
    DRIFT_FOUND,
    DRIFT_RESOLVED,
    DRIFT_SEEN,
    HEAL_DEFERRED,
    HEAL_SUSPENDED,
    TROUBLE_FOUND,
    TROUBLE_RESOLVED,
    TROUBLE_SEEN,
    Event,
)
from reconciler.model.incident import Incident, Resolution

REOPENED_WITHIN_S = fight.CALM_S  # what was put right and is back within this time is the same incident
_FOR_GOOD = (Resolution.ADOPTED, Resolution.ACCEPTED)
_LOOKS, _CORRECTIONS = 20, 20  # how many are remembered

Incidents = Mapping[str, Incident]  # by key: the latest of each


def fold(incidents: Incidents, events: Iterable[Event]) -> dict[str, Incident]:
    """What these events make of the incidents; an event that says nothing about them changes nothing."""
    out = dict(incidents)
    for event in events:
        if event.name == AGENT_RESUMED:
            out = {key: replace(it, corrections=(), fighting=False) for key, it in out.items()}
            continue
        step = _STEPS.get(event.name)
        kind = _kind(event)
        if step is None or kind is None:
            continue
        key = f"{kind}/{event.text('address')}"
        after = step(out.get(key), kind, event)
        if after is not None:
            out[key] = after
    return out


def history(events: Iterable[Event]) -> tuple[Incident, ...]:
    """Every incident that these events tell of, in the order in which they were opened."""
    latest: dict[str, Incident] = {}
    every: dict[tuple[str, int], Incident] = {}
    for event in events:
        latest = fold(latest, (event,))
        every |= {(it.outbox, it.number): it for it in latest.values()}
    return tuple(every.values())


def _kind(event: Event) -> Kind | None:
    try:
        return Kind(event.text("kind"))
    except ValueError:
        return None


def _found(standing: Incident | None, kind: Kind, event: Event) -> Incident:
    if standing is None or not (standing.is_open or _is_back(standing, event)):
        return _opened(kind, event)
    again = _seen(standing, kind, event) or standing
    live, fighting = _value(event, "live"), standing.fighting and not _is_of_another_commit(standing, event)
    return replace(
        again,
        fighting=fighting,
        note="",
        count=standing.count + 1,
        live=live,
        written=_value(event, "written"),
        detail=event.text("detail"),
        who=event.text("who"),
        revision=event.text("revision"),
        cause=event.text("cause"),
        severity=severity(kind, event.text("cause"), live, fighting=fighting),
        resolution=None,
        resolved="",
        resolved_s=0.0,
    )


def _is_back(standing: Incident, event: Event) -> bool:
    soon = event.boot == standing.boot and event.uptime_s - standing.resolved_s <= REOPENED_WITHIN_S
    return standing.resolution not in _FOR_GOOD and soon


def _opened(kind: Kind, event: Event) -> Incident:
    live, cause = _value(event, "live"), event.text("cause")
    return Incident(
        outbox=event.outbox,
        number=event.sequence,
        kind=kind,
        subject=event.text("address"),
        severity=severity(kind, cause, live),
        written=_value(event, "written"),
        live=live,
        cause=cause,
        detail=event.text("detail"),
        who=event.text("who"),
        revision=event.text("revision"),
        first_seen=event.at,
        last_seen=event.at,
        boot=event.boot,
        opened_s=event.uptime_s,
        seen_s=event.uptime_s,
        looks=_look(event),
    )


def _seen(standing: Incident | None, _kind: Kind, event: Event) -> Incident | None:
    if standing is None:
        return None
    same = standing.boot == event.boot
    return replace(
        standing,
        last_seen=event.at,
        boot=event.boot,
        opened_s=standing.opened_s if same else 0.0,
        seen_s=event.uptime_s,
        looks=(*standing.looks, *_look(event))[-_LOOKS:],
        corrections=standing.corrections if same else (),
    )


def _resolved(standing: Incident | None, kind: Kind, event: Event) -> Incident | None:
    if standing is None or not standing.is_open:
        return None
    resolution = Resolution(event.text("resolution"))
    at = event.uptime_s
    healed = (at,) if resolution is Resolution.HEALED else ()
    goes_on = not _is_of_another_commit(standing, event)
    earlier = standing.corrections if standing.boot == event.boot and goes_on else ()
    corrections = (*earlier, *healed)[-_CORRECTIONS:]
    fighting = (standing.fighting and goes_on) or fight.is_one(corrections)
    return replace(
        standing,
        boot=event.boot,
        opened_s=standing.opened_s if standing.boot == event.boot else 0.0,
        corrections=corrections,
        fighting=fighting,
        note="",
        severity=severity(kind, standing.cause, standing.live, fighting=fighting),
        resolution=resolution,
        resolved=event.at,
        resolved_s=at,
    )


def _is_of_another_commit(standing: Incident, event: Event) -> bool:
    """A new commit ends a fight: what it declares is put in place, and counted anew."""
    return bool(standing.revision and event.text("revision")) and event.text("revision") != standing.revision


def _deferred(standing: Incident | None, _kind: Kind, event: Event) -> Incident | None:
    return replace(standing, note=event.text("note")) if standing is not None and standing.is_open else None


def _suspended(standing: Incident | None, kind: Kind, _event: Event) -> Incident | None:
    if standing is None or not standing.is_open:
        return None
    grave = severity(kind, standing.cause, standing.live, fighting=True)
    return replace(standing, fighting=True, severity=grave)


def _look(event: Event) -> tuple[int, ...]:
    look = event.facts.get("look")
    return (look,) if isinstance(look, int) else ()


def _value(event: Event, fact: str) -> str | None:
    value = event.facts.get(fact)
    return None if value is None else str(value)


_STEPS = {
    DRIFT_FOUND: _found,
    TROUBLE_FOUND: _found,
    DRIFT_SEEN: _seen,
    TROUBLE_SEEN: _seen,
    DRIFT_RESOLVED: _resolved,
    TROUBLE_RESOLVED: _resolved,
    HEAL_DEFERRED: _deferred,
    HEAL_SUSPENDED: _suspended,
}
