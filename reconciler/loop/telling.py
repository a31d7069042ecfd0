"""What the agent says: to the log, and of it into the outbox what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler import log
from reconciler.apply.state import StateDirectory
from reconciler.loop.heal import Edit, News
from reconciler.model.event import DRIFT_FOUND, DRIFT_RESOLVED, EVENTS, Fact
from reconciler.model.moment import Moment
from reconciler.record.outbox import Outbox


@dataclass
class Teller:
    """Of one instance. What cannot be recorded is said all the same, and `lost` counts it."""

    state: StateDirectory
    lost: int = 0

    def tell(self, name: str, facts: Mapping[str, Fact], now: Moment) -> None:
        """One event of the list."""
        meant = EVENTS[name]
        getattr(log.get(instance=self.state.instance), meant.level.value)(name, **facts)
        if meant.kept:
            try:
                Outbox(self.state.path / "events.jsonl").append(name, facts, now)
            except OSError:
                self.lost += 1

    def news(self, news: News, revision: str, now: Moment) -> None:
        """Every hand edit once when it is found, and once when it is over."""
        for name, edit in news.gone.items():
            self.tell(DRIFT_RESOLVED, {**_facts(name, edit), "revision": revision}, now)
        for name, edit in news.found.items():
            self.tell(DRIFT_FOUND, {**_facts(name, edit), "revision": revision}, now)


def _facts(name: str, edit: Edit) -> dict[str, Fact]:
    return {"address": name, "written": edit.written, "live": edit.live, "observed": edit.observed, "since": edit.at}
