"""What is on record of an instance, from its state directory and the store; no agent need be running."""

from __future__ import annotations

import posixpath
from datetime import datetime
from pathlib import Path

from reconciler.frozen import dataclass
from reconciler.host import files
from reconciler.incident import machine
from reconciler.model.incident import Incident
from reconciler.postfix import main_cf
from reconciler.postfix.effective import View
from reconciler.record.outbox import Outbox
from reconciler.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Whose incidents are asked for; of another host than this one only the store knows, of all its instances."""

    state_directory: str
    instance: str
    host: str
    is_own: bool = True


def own_host(config_directory: str, settings: Settings | None) -> str:
    """Under which name this host is in the store; empty where neither the settings nor main.cf tell."""
    if settings is not None and settings.instance.host:
        return settings.instance.host
    main = files.read(f"{posixpath.abspath(config_directory)}/main.cf")
    parameters = main_cf.parse(main.content).parameters if main else {}
    explicit = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in parameters.items()}
    return View(explicit, {}).get("myhostname")


def recorded(place: Place, settings: Settings | None = None) -> tuple[tuple[str, Incident], ...]:
    """Every incident on record with its host, oldest first: of the outbox, and of the store where there is one.

    Raises HostUnreadable where the outbox may not be read, StoreUnavailable where a store that was named is away.
    """
    local = {(it.outbox, it.number): (place.host, it) for it in _spooled(place)} if place.is_own else {}
    stored = {(it.outbox, it.number): (of, it) for of, it in _stored(place, settings)}
    for key, (of, incident) in stored.items():  # the outbox knows the later end, the store the earlier beginning
        if key not in local or (incident.resolution is not None and local[key][1].is_open):
            local[key] = (of, incident)
        else:
            local[key] = (of, local[key][1])
    return tuple(sorted(local.values(), key=lambda row: (row[0], row[1].first_seen, row[1].number)))


def _spooled(place: Place) -> tuple[Incident, ...]:
    directory = Path(place.state_directory) / place.instance
    boxes = (Outbox(directory / "events.jsonl.1"), Outbox(directory / "events.jsonl"))
    return machine.history({(event.outbox, event.sequence): event for box in boxes for event in box.read()}.values())


def _stored(place: Place, settings: Settings | None) -> list[tuple[str, Incident]]:
    url = settings.store.url.get_secret_value() if settings and settings.store.url else ""
    if not url and not (Path(place.state_directory) / "store.db").exists():
        return []
    from reconciler.record.connection import default_url  # noqa: PLC0415 - SQLAlchemy costs 150 ms
    from reconciler.record.store import open_store  # noqa: PLC0415

    rows = open_store(url or default_url(place.state_directory)).incidents()
    return [(whose.host, it) for whose, it in rows if _is_meant(place, whose.host, whose.instance)]


def _is_meant(place: Place, host: str, instance: str) -> bool:
    if not place.is_own:
        return host == place.host
    return instance == place.instance and (not place.host or host == place.host)


def heard_since(incident: Incident, since: datetime) -> bool:
    """Whether it goes on, however long ago a look had news of it, or ended since then."""
    return incident.is_open or max(moment(it) for it in (incident.last_seen, incident.resolved) if it) >= since


def moment(at: str) -> datetime:
    """A recorded time as one that can be compared."""
    return datetime.fromisoformat(at)
