"""Incidents for a person and for a program: drift, and what keeps the agent from its work."""

from __future__ import annotations

import json
from collections.abc import Iterable

from reconciler.model.drift import Cause
from reconciler.model.incident import Incident
from reconciler.report.blocks import quoted, short, shown
from reconciler.report.json import FORMAT_VERSION


def as_text(found: Iterable[tuple[str, Incident]]) -> str:
    """Two lines each, oldest first, and how many there were; each with the host it is from, where there are several."""
    rows = list(found)
    hosts = {host for host, _ in rows}
    lines = [line for host, it in rows for line in (_line(host if len(hosts) > 1 else "", it), f"  {about(it)}")]
    still = sum(1 for _, it in rows if it.is_open)
    return "\n".join([*lines, f"Drift: {len(rows)} recorded, {still} open."]) + "\n"


def _line(host: str, incident: Incident) -> str:
    where = f"{shown(host)}: " if host else ""
    end = f"{incident.resolution} {incident.resolved}" if incident.resolution else f"open, {incident.severity}"
    return f"{incident.first_seen}  {where}{shown(incident.subject)}: {sides(incident)}; {end}"


def sides(incident: Incident) -> str:
    """What was written and what is there; of a trouble, what it is."""
    if incident.kind.is_drift:
        return f"was {_value(incident.written)}, found {_value(incident.live)}"
    return _value(incident.live)


def about(incident: Incident) -> str:
    """What else there is to know, and what comes next."""
    parts = [incident.kind.value]
    parts += ["only observed"] if incident.cause == Cause.OBSERVED else []
    parts += [f"{incident.count} times"] if incident.count > 1 else []
    parts += ["changed back again and again"] if incident.fighting else []
    parts += [shown(it) for it in (incident.who, incident.detail) if it]
    parts += [f"against {short(incident.revision)}"] if incident.revision else []
    parts += [shown(incident.note)] if incident.note else []
    return "; ".join(parts)


def as_json(found: Iterable[tuple[str, Incident]]) -> str:
    drift = [{"host": host, **facts(incident)} for host, incident in found]
    return json.dumps({"format_version": FORMAT_VERSION, "drift": drift}, indent=2, ensure_ascii=False) + "\n"


def facts(incident: Incident) -> dict[str, str | int | bool | None]:
    """An incident as JSON has it, here and in alerts."""
    return {
        "kind": incident.kind.value,
        "address": incident.subject,
        "severity": incident.severity.value,
        "written": incident.written,
        "live": incident.live,
        "cause": incident.cause,
        "detail": incident.detail,
        "who": incident.who,
        "revision": incident.revision,
        "first_seen": incident.first_seen,
        "last_seen": incident.last_seen,
        "count": incident.count,
        "fighting": incident.fighting,
        "note": incident.note or None,
        "resolution": incident.resolution.value if incident.resolution else None,
        "resolved": incident.resolved or None,
    }


def _value(value: str | None) -> str:
    return "absent" if value is None else quoted(value)
