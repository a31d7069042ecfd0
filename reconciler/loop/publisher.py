"""The agent's published snapshot: sent after every pass that changed something, and now and then where none does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler import log
from reconciler.errors import ReconcilerError, UsageError
from reconciler.loop import publishing
from reconciler.loop.place import Where
from reconciler.loop.recover import memory_of
from reconciler.model.moment import Moment

_RETRY_S = 60.0


@dataclass(slots=True)
class Publisher:
    """Of one instance. `interval_s` is how often where nothing changed; `token_file` may be empty."""

    where: Where
    target: str
    interval_s: float
    token_file: str = ""
    key_file: str = ""
    _next_s: float = 0.0  # of uptime

    def look_ended(self, now: Moment, *, changed: bool) -> bool:
        """Send it where that is due; gives whether it was sent. A failure is logged, and tried again."""
        if not changed and now.uptime_s < self._next_s:
            return False
        state = memory_of(self.where)
        logger = log.get(instance=state.instance)
        try:
            seen = state.newest()
            made = publishing.make(self.where, state=seen.desired if seen else None, key_file=self.key_file)
            publishing.send(made, self.target, self._token())
        except (ReconcilerError, OSError) as error:
            logger.warning("snapshot.failed", why=str(error))
            self._next_s = now.uptime_s + _RETRY_S
            return False
        logger.info("snapshot.published", bytes=len(made.content))
        self._next_s = now.uptime_s + self.interval_s
        return True

    def _token(self) -> str:
        if not self.token_file:
            return ""
        try:
            return Path(self.token_file).read_text(encoding="ascii").split("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.token_file}: no token can be read from it") from error
