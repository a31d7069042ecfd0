"""Which events one look makes of the incidents: found, seen and resolved, and no event without news."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.model import address
from reconciler.model.address import Address
from reconciler.model.drift import Drifted, Kind
from reconciler.model.event import (
    DRIFT_FOUND,
    DRIFT_RESOLVED,
    DRIFT_SEEN,
    TROUBLE_FOUND,
    TROUBLE_RESOLVED,
    TROUBLE_SEEN,
    Fact,
)
from reconciler.model.incident import Incident, Resolution
from reconciler.model.moment import Moment
from reconciler.model.plan import Plan, Reason
from reconciler.model.receipt import Receipt

SEEN_EVERY_S = 300.0  # what goes on is said this often, once its first looks are on record
_FIRST_LOOKS = 20

News = tuple[str, Mapping[str, Fact]]
_AFTER_RELOAD = frozenset({Kind.CONFIGURATION_OLD, Kind.CERTIFICATE_SERVED, Kind.CERTIFICATE_RENEWED})
_BY_ITSELF = frozenset(
    {Kind.CERTIFICATE_EXPIRING, Kind.CERTIFICATE_ABSENT, Kind.CERTIFICATE_RENEWED, Kind.CERTIFICATE_SERVED}
)


def of_look(
    incidents: Mapping[str, Incident], found: Iterable[Drifted], plan: Plan, now: Moment, look: int
) -> Iterator[News]:
    """The events of a look that found these drifts; `look` is its number."""
    here = {drifted.key: drifted for drifted in found}
    for key, drifted in here.items():
        facts = {**_facts(drifted), "revision": plan.revision, "look": look}
        standing = incidents.get(key)
        if (
            standing is None
            or not standing.is_open
            or (standing.written, standing.live) != (drifted.written, drifted.live)
        ):
            yield DRIFT_FOUND, facts
        elif is_news(standing, now):
            yield DRIFT_SEEN, {"kind": drifted.kind, "address": drifted.subject, "look": look}
    for key, incident in incidents.items():
        if incident.is_open and incident.kind.is_drift and key not in here:
            yield DRIFT_RESOLVED, _end(incident, _resolution(incident, plan), plan)


def is_news(standing: Incident, now: Moment) -> bool:
    """Whether an incident that goes on is said once more."""
    return len(standing.looks) < _FIRST_LOOKS or now.since(standing.boot, standing.seen_s) >= SEEN_EVERY_S


def _facts(drifted: Drifted) -> dict[str, Fact]:
    return {
        "kind": drifted.kind.value,
        "address": drifted.subject,
        "written": drifted.written,
        "live": drifted.live,
        "cause": drifted.cause.value,
        "detail": drifted.detail,
        "who": str(drifted.who),
    }


def _resolution(incident: Incident, plan: Plan) -> Resolution:
    """How a drift ended that is not there any more, though we changed nothing."""
    if incident.kind in _BY_ITSELF:
        return Resolution.WENT_AWAY
    where = _address(incident.subject)
    if where is None or incident.kind in (Kind.FILE_ATTRIBUTES, Kind.CONFIGURATION_OLD):
        return Resolution.REVERTED
    entry = plan.record.get(where)
    if entry is None:
        return Resolution.WENT_AWAY
    return Resolution.REVERTED if entry.written == incident.written else Resolution.ADOPTED


def _address(subject: str) -> Address | None:
    try:
        return address.parse(subject)
    except ValueError:
        return None


def of_apply(incidents: Mapping[str, Incident], plan: Plan, receipt: Receipt) -> Iterator[News]:
    """The events of an apply that succeeded: which drifts it ended."""
    changes = {str(change.address): change for change in plan.changes}
    touched = {*receipt.written, *receipt.removed, *receipt.built}
    for incident in incidents.values():
        change = changes.get(incident.subject)
        if not incident.is_open or not incident.kind.is_drift:
            continue
        if incident.kind is Kind.CERTIFICATE_EXPIRING and change and change.reason is not Reason.CERTIFICATE_EXPIRING:
            continue  # whether what was taken in lasts longer, the next look tells
        if incident.kind is Kind.FILE_ATTRIBUTES:
            if _path(incident.subject, plan) in touched:
                yield DRIFT_RESOLVED, _end(incident, Resolution.ACCEPTED, plan)
        elif change is not None and change.reason is Reason.CONFLICT:
            yield DRIFT_RESOLVED, _end(incident, Resolution.ACCEPTED, plan)
        elif (change is not None and not change.forget) or (receipt.reloaded and incident.kind in _AFTER_RELOAD):
            yield DRIFT_RESOLVED, _end(incident, Resolution.HEALED, plan)


def _path(subject: str, plan: Plan) -> str:
    path = subject.removeprefix("file/")
    return path if path.startswith("/") else f"{plan.config_directory.rstrip('/')}/{path}"


def _end(incident: Incident, resolution: Resolution, plan: Plan) -> dict[str, Fact]:
    return {
        "kind": incident.kind.value,
        "address": incident.subject,
        "resolution": resolution.value,
        "revision": plan.revision,
    }


# --- trouble --------------------------------------------------------------------------------------------------------


def of_trouble(incidents: Mapping[str, Incident], kind: Kind, subject: str, why: str, now: Moment) -> Iterator[News]:
    """The events of something that keeps the agent from its work; another trouble than this one is over."""
    key = f"{kind}/{subject}"
    yield from of_relief({name: it for name, it in incidents.items() if name != key})
    facts = {"kind": kind.value, "address": subject, "reason": subject, "written": None, "live": why, "detail": ""}
    standing = incidents.get(key)
    if standing is None or not standing.is_open or standing.live != why:
        yield TROUBLE_FOUND, facts
    elif now.since(standing.boot, standing.seen_s) >= SEEN_EVERY_S:
        yield TROUBLE_SEEN, {"kind": kind.value, "address": subject}


def of_relief(incidents: Mapping[str, Incident]) -> Iterator[News]:
    """The events of every trouble being over."""
    for incident in incidents.values():
        if incident.is_open and not incident.kind.is_drift:
            facts = {"kind": incident.kind.value, "address": incident.subject, "resolution": Resolution.WENT_AWAY.value}
            yield TROUBLE_RESOLVED, facts
