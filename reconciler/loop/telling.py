"""What the agent says: to the log, and of it into the outbox what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler import log
from reconciler.apply.state import StateDirectory
from reconciler.incident.drift import Scene
from reconciler.model.event import EVENTS, Fact
from reconciler.model.incident import Incident
from reconciler.model.moment import Moment
from reconciler.record.outbox import Outbox
from reconciler.record.recorder import Recorder


@dataclass
class Teller:
    """Of one instance. What cannot be recorded is said all the same, and `lost` counts it."""

    state: StateDirectory
    lost: int = 0

    def tell(self, name: str, facts: Mapping[str, Fact], now: Moment) -> None:
        """One event of the list."""
        self.say(name, facts)
        if EVENTS[name].kept:
            try:
                Outbox(self.state.path / "events.jsonl").append(name, facts, now)
            except OSError:
                self.lost += 1

    def look(self, scene: Scene, now: Moment) -> Mapping[str, Incident]:
        """Every drift once when it is found, now and then while it goes on, and once when it is over; gives the
        incidents as they are then.
        """
        recorder = Recorder(self.state.path, self.say)
        try:
            recorder.look(scene, now)
        except OSError:
            self.lost += 1
        return recorder.incidents

    def say(self, name: str, facts: Mapping[str, Fact]) -> None:
        """To the log alone."""
        getattr(log.get(instance=self.state.instance), EVENTS[name].level.value)(name, **facts)
