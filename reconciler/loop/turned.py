"""What came of a turn, of the agent as of the puller."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.loop.schedule import Outcome
from reconciler.model.desired import Part


@dataclass(frozen=True, slots=True)
class Turned:
    """What came of a pass. `word` is for `systemctl status` and the log, `due` in seconds of uptime."""

    outcome: Outcome
    word: str
    text: str
    revision: str
    due: float | None = None
    enforced: frozenset[Part] = frozenset()
