"""Incidents for a person and for a program: drift, and what keeps the agent from its work."""

from __future__ import annotations

import json
from collections.abc import Iterable

from reconciler.model.incident import Incident
from reconciler.report.blocks import quoted, short, shown
from reconciler.report.json import FORMAT_VERSION


def as_text(found: Iterable[tuple[str, Incident]]) -> str:
    """One line each, oldest first, and how many there were; each with the host it is from."""
    rows = list(found)
    hosts = {host for host, _ in rows}
    lines = [_line(host if len(hosts) > 1 else "", incident) for host, incident in rows]
    return "\n".join([*lines, f"Drift: {len(lines)} recorded."]) + "\n"


def _line(host: str, incident: Incident) -> str:
    where = f"{shown(host)}: " if host else ""
    sides = f"was {_value(incident.written)}, found {_value(incident.live)}"
    parts = [f"{sides}; against {short(incident.revision)}"]
    parts += [incident.kind.value] if incident.kind.value not in incident.subject else []
    parts += [f"{incident.count} times"] if incident.count > 1 else []
    parts += ["changed back again and again"] if incident.fighting else []
    parts += [shown(incident.who)] if incident.who else []
    parts += [f"{incident.resolution} {incident.resolved}" if incident.resolution else "open"]
    return f"{incident.first_seen}  {where}{shown(incident.subject)}: {'; '.join(parts)}"


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
        "resolution": incident.resolution.value if incident.resolution else None,
        "resolved": incident.resolved or None,
    }


def _value(value: str | None) -> str:
    return "absent" if value is None else quoted(value)
