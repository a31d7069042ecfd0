"""What the agent says: to the log, and of it into the outbox what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler import log
from reconciler.apply.state import StateDirectory
from reconciler.errors import ReconcilerError
from reconciler.incident.drift import Scene
from reconciler.incident.severity import kind_of_trouble
from reconciler.model.event import EVENTS, Fact
from reconciler.model.incident import Incident
from reconciler.model.moment import Moment
from reconciler.record.recorder import Recorder


@dataclass
class Teller:
    """Of one instance. What cannot be recorded is said all the same, and `lost` counts it."""

    state: StateDirectory
    lost: int = 0
    _recorder: Recorder | None = None

    def tell(self, name: str, facts: Mapping[str, Fact], now: Moment) -> None:
        """One event of the list."""
        if not EVENTS[name].kept:
            self.say(name, facts)
            return
        try:
            self._recording().say(name, facts, now)
        except OSError:
            self.lost += 1

    def look(self, scene: Scene, now: Moment) -> Mapping[str, Incident]:
        """Every drift once when it is found, now and then while it goes on, and once when it is over; gives the
        incidents as they are then.
        """
        recorder = self._recording()
        try:
            recorder.look(scene, now)
        except OSError:
            self.lost += 1
        return recorder.incidents

    def trouble(self, error: ReconcilerError | None, now: Moment) -> None:
        """What keeps the agent from its work, None for nothing: once when it begins, becomes another, or is over."""
        try:
            if error is None:
                self._recording().relieve(now)
            else:
                text = f"{error.reason}: {error}"
                self._recording().trouble(kind_of_trouble(error.reason), error.reason, text, now)
        except OSError:
            self.lost += 1

    def say(self, name: str, facts: Mapping[str, Fact]) -> None:
        """To the log alone."""
        getattr(log.get(instance=self.state.instance), EVENTS[name].level.value)(name, **facts)

    def _recording(self) -> Recorder:
        """With what other commands have recorded since."""
        if self._recorder is None:
            self._recorder = Recorder(self.state.path, self.say)
        else:
            self._recorder.catch_up()
        return self._recorder
