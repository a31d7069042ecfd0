"""A moment by two clocks: the one that people read, which may be wrong by years, and the one that only goes forward."""

from __future__ import annotations

from datetime import datetime

from reconciler.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` is for people and has its zone. `uptime_s` are seconds since the boot that `boot` names, sleep included.

    Nothing is scheduled, ordered or counted by `at`.
    """

    at: datetime
    boot: str
    uptime_s: float

    def since(self, boot: str, uptime_s: float) -> float:
        """At least how many seconds lie between an earlier moment and this one; of another boot, those of this boot."""
        return max(0.0, self.uptime_s - uptime_s) if boot == self.boot else self.uptime_s
