"""How an instance stands, as data: what `reconciler status` shows and metrics count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from reconciler.frozen import dataclass
from reconciler.model.drift import Kind
from reconciler.model.incident import Incident

_NOT_OF_GIT = (Kind.POSTFIX_DOWN, Kind.CERTIFICATE_EXPIRING)  # of the health of a host, not of what git says


class Sync(StrEnum):
    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class Health(StrEnum):
    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class ServedCertificate:
    """`path` as the configuration names it; `not_after` with its zone."""

    path: str
    names: tuple[str, ...]
    not_after: datetime

    def days_left(self, now: datetime) -> int:
        return (self.not_after - now).days


@dataclass(frozen=True, slots=True)
class Standing:
    """One instance at `now`. Times are ISO 8601, empty where it never happened; `running` is None where nobody looked.

    `parts` has `enforced` or `observed` for each part of the host file, as it was last applied. `paused` and `frozen`
    say why, and are empty otherwise.
    """

    host: str
    instance: str
    config_directory: str
    now: datetime
    revision: str = ""
    last_look: str = ""
    last_apply: str = ""
    result: str = ""  # of the last look or apply, as a CamelCase word
    parts: Mapping[str, str] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()  # the open ones
    paused: str = ""
    frozen: str = ""
    quarantined: tuple[str, ...] = ()
    agent: bool | None = None  # whether one is at work
    running: bool | None = None
    certificates: tuple[ServedCertificate, ...] = ()
    waiting: int = 0  # bytes in the outbox

    @property
    def sync(self) -> Sync:
        if not self.revision:
            return Sync.UNKNOWN
        differing = (it for it in self.incidents if it.kind.is_drift and it.kind not in _NOT_OF_GIT)
        return Sync.OUT_OF_SYNC if any(differing) else Sync.SYNCED

    @property
    def health(self) -> Health:
        if self.running is False:
            return Health.MISSING
        if self.quarantined or any(it.severity == "critical" for it in self.incidents):
            return Health.DEGRADED
        if self.paused or self.frozen:
            return Health.SUSPENDED
        return Health.UNKNOWN if not self.revision else Health.HEALTHY
