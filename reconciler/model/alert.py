"""An alert: what somebody is told of one or more incidents, as data."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.model.incident import Incident, Severity
from reconciler.model.told import Word


@dataclass(frozen=True, slots=True)
class Notice:
    """One incident in an alert."""

    host: str
    instance: str
    incident: Incident
    word: Word


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. `group` is what its notices have in common; it is stable, so that a receiver can thread by it."""

    group: tuple[str, ...]
    notices: tuple[Notice, ...]

    @property
    def is_recovery(self) -> bool:
        return all(notice.word is Word.RESOLVED for notice in self.notices)

    @property
    def severity(self) -> Severity:
        order = list(Severity)
        return max((notice.incident.severity for notice in self.notices), key=order.index)
