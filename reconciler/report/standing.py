"""How an instance stands, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from reconciler.model.incident import Incident, Severity
from reconciler.model.standing import Standing
from reconciler.report.blocks import short, shown
from reconciler.report.incidents import about, facts, sides
from reconciler.report.json import FORMAT_VERSION

_LISTED = 10  # incidents; `reconciler drift` has them all


def as_text(standing: Standing) -> str:
    return "\n".join(_lines(standing)) + "\n"


def _lines(standing: Standing) -> Iterator[str]:
    name = f" ({shown(standing.instance)})" if standing.instance else ""
    yield f"{shown(standing.host or 'unknown host')}{name}: {standing.sync}, {standing.health}"
    yield f"  revision      {short(standing.revision) if standing.revision else 'never applied'}"
    result = f", {shown(standing.result)}" if standing.result else ""
    yield f"  last pass     {_when(standing.last_look, standing.now) or 'unknown'}{result}"
    yield f"  last apply    {_when(standing.last_apply, standing.now) or 'never'}"
    yield f"  agent         {'at work' if standing.agent else 'not running'}"
    yield f"  Postfix       {_running(standing.running)}"
    for part, how in standing.parts.items():
        yield f"  {how:<13} {part}"
    if standing.paused:
        yield f"  paused        {shown(standing.paused)}"
    if standing.frozen:
        yield f"  frozen        {shown(standing.frozen)}"
    for revision in standing.quarantined:
        yield f"  quarantined   {short(revision)}"
    for certificate in standing.certificates:
        left = certificate.days_left(standing.now)
        yield f"  certificate   {shown(certificate.path)}: {f'{left} days left' if left >= 0 else 'ended'}"
    yield f"Incidents: {len(standing.incidents)} open."
    for incident in worst_first(standing.incidents)[:_LISTED]:
        yield f"  {incident.severity:<9} since {incident.first_seen}  {shown(incident.subject)}: {sides(incident)}"
        yield f"            {about(incident)}"
    left = len(standing.incidents) - _LISTED
    if left > 0:
        yield f"  and {left} more: reconciler drift"


def worst_first(incidents: Iterable[Incident]) -> list[Incident]:
    """The gravest first, and of equals the one that is open for longest."""
    order = list(Severity)
    return sorted(incidents, key=lambda it: (-order.index(it.severity), it.first_seen, it.subject))


def _when(at: str, now: datetime) -> str:
    return f"{at}{_ago(at, now)}" if at else ""


def _ago(at: str, now: datetime) -> str:
    """How long ago that is, roughly: what an agent that hangs is told by."""
    seconds = (now - datetime.fromisoformat(at)).total_seconds()
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f" ({seconds / size:.0f} {unit} ago)"
    return f" ({max(0.0, seconds):.0f} s ago)"


def _running(running: bool | None) -> str:
    return {True: "running", False: "not running", None: "unknown"}[running]


def as_json(standing: Standing) -> str:
    body = {
        "format_version": FORMAT_VERSION,
        "host": standing.host,
        "instance": standing.instance,
        "config_directory": standing.config_directory,
        "timestamp": standing.now.isoformat(timespec="seconds"),
        "sync": standing.sync.value,
        "health": standing.health.value,
        "revision": standing.revision or None,
        "last_look": standing.last_look or None,
        "last_apply": standing.last_apply or None,
        "result": standing.result or None,
        "agent": standing.agent,
        "postfix_running": standing.running,
        "parts": dict(standing.parts),
        "paused": standing.paused or None,
        "frozen": standing.frozen or None,
        "quarantined": list(standing.quarantined),
        "certificates": [
            {
                "path": it.path,
                "names": list(it.names),
                "not_after": it.not_after.isoformat(timespec="seconds"),
                "days_left": it.days_left(standing.now),
            }
            for it in standing.certificates
        ],
        "incidents": [facts(incident) for incident in worst_first(standing.incidents)],
        "outbox_bytes": standing.waiting,
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
