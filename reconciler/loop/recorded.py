"""What is on record of an instance, from its state directory and the store; no agent need be running."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reconciler.incident import machine
from reconciler.model.incident import Incident
from reconciler.record.outbox import Outbox
from reconciler.settings.model import Settings


def recorded(
    state_directory: str, instance: str, host: str, settings: Settings | None = None
) -> tuple[tuple[str, Incident], ...]:
    """Every incident on record with its host, oldest first: of the outbox, and of the store where there is one.

    Raises HostUnreadable where the outbox may not be read, StoreUnavailable where a store that was named is away.
    """
    directory = Path(state_directory) / instance
    boxes = (Outbox(directory / "events.jsonl.1"), Outbox(directory / "events.jsonl"))
    events = {(event.outbox, event.sequence): event for box in boxes for event in box.read()}
    local = {(it.outbox, it.number): (host, it) for it in machine.history(events.values())}
    stored = {(it.outbox, it.number): (of, it) for of, it in _stored(state_directory, instance, host, settings)}
    for key, (of, incident) in stored.items():  # the outbox knows the later end, the store the earlier beginning
        if key not in local or (incident.resolution is not None and local[key][1].is_open):
            local[key] = (of, incident)
        else:
            local[key] = (of, local[key][1])
    return tuple(sorted(local.values(), key=lambda row: (row[0], row[1].first_seen, row[1].number)))


def _stored(state_directory: str, instance: str, host: str, settings: Settings | None) -> list[tuple[str, Incident]]:
    url = settings.store.url.get_secret_value() if settings and settings.store.url else ""
    if not url and not (Path(state_directory) / "store.db").exists():
        return []
    from reconciler.record.connection import default_url  # noqa: PLC0415 - SQLAlchemy costs 150 ms
    from reconciler.record.store import open_store  # noqa: PLC0415

    rows = open_store(url or default_url(state_directory)).incidents()
    return [(whose.host, it) for whose, it in rows if (whose.host == host if host else whose.instance == instance)]


def moment(at: str) -> datetime:
    """A recorded time as one that can be compared."""
    return datetime.fromisoformat(at)
