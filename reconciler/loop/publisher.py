"""The agent's published snapshot: sent after every pass that changed something, and now and then where none does."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler import log
from reconciler.errors import ReconcilerError, UsageError
from reconciler.loop import publishing
from reconciler.loop.place import Where
from reconciler.loop.publishing import Made
from reconciler.loop.recover import memory_of
from reconciler.model.moment import Moment
from reconciler.publish.places import place

_RETRY_S = 60.0
_MARK = "published"  # its time is that of the last one


def put(name: str, content: bytes, target: str, token_file: str = "") -> None:
    """A signed snapshot to where the settings say.

    Raises PublishFailed, UsageError.
    """
    place(target, _token(token_file)).put(name, content)


def send(made: Made, target: str, token_file: str) -> None:
    """As `put`."""
    put(made.name, made.content, target, token_file)


@dataclass(slots=True)
class Publisher:
    """Of one instance. `interval_s` is how often where nothing changed, restarts or not; `token_file` may be empty."""

    where: Where
    target: str
    interval_s: float
    token_file: str = ""
    key_file: str = ""
    send: Callable[[Made, str, str], None] = send
    _next_s: float | None = None  # of uptime

    def look_ended(self, now: Moment, *, changed: bool) -> bool:
        """Send it where that is due; gives whether it was sent. A failure is logged, and tried again."""
        if not changed and self._next_s is not None and now.uptime_s < self._next_s:
            return False
        state = memory_of(self.where)
        if not changed and self._next_s is None:
            self._next_s = now.uptime_s + self.interval_s - _age_s(state.path / _MARK)
            if now.uptime_s < self._next_s:
                return False
        logger = log.get(instance=state.instance)
        try:
            seen = state.newest()
            made = publishing.make(self.where, state=seen.desired if seen else None, key_file=self.key_file)
            self.send(made, self.target, self.token_file)
        except (ReconcilerError, OSError) as error:
            logger.warning("snapshot.failed", why=str(error))
            self._next_s = now.uptime_s + _RETRY_S
            return False
        logger.info("snapshot.published", bytes=len(made.content))
        self._next_s = now.uptime_s + self.interval_s
        with suppress(OSError):  # then a restart sends it once more
            (state.path / _MARK).touch(mode=0o600)
        return True


def _age_s(mark: Path) -> float:
    """Seconds since then; endless where it is not there, and where the clock was put back."""
    try:
        age = time.time() - mark.stat().st_mtime
    except OSError:
        return float("inf")
    return age if age >= 0 else float("inf")


def _token(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="ascii").split("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: no token can be read from it") from error
