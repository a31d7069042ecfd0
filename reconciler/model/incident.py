"""An incident: the life of a drift, or of a trouble, from the first look that found it to how it ended."""

from __future__ import annotations

from enum import StrEnum

from reconciler.frozen import dataclass
from reconciler.model.drift import Kind


class Severity(StrEnum):
    """How soon somebody has to look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Resolution(StrEnum):
    """How an incident ended.

    HEALED by us; ADOPTED: git says now what the host has; REVERTED by somebody else to what was applied; WENT_AWAY: it
    is managed no more, or the trouble is over; ACCEPTED: an apply went over it and left it as it is.
    """

    HEALED = "healed"
    ADOPTED = "adopted"
    REVERTED = "reverted"
    WENT_AWAY = "went away"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Incident:
    """`number` is the sequence of the event that opened it. Clocks that end in `_s` are seconds since the boot `boot`.

    `looks` are the numbers of the last looks that found it; `corrections` when we put it right, in this boot.
    `fighting` is set once somebody keeps changing it back. `note` says what comes next, such as when it is put back.
    """

    outbox: str
    number: int
    kind: Kind
    subject: str
    severity: Severity
    written: str | None
    live: str | None
    cause: str
    detail: str
    who: str
    revision: str
    first_seen: str
    last_seen: str
    boot: str
    opened_s: float
    seen_s: float
    count: int = 1
    looks: tuple[int, ...] = ()
    corrections: tuple[float, ...] = ()
    fighting: bool = False
    resolution: Resolution | None = None
    resolved: str = ""
    resolved_s: float = 0.0
    note: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.subject}"

    @property
    def is_open(self) -> bool:
        return self.resolution is None
