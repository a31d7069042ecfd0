"""What the agent says: a line of JSON in the journal, and the events that are kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from reconciler.apply.state import StateDirectory
from reconciler.loop.heal import Edit, News
from reconciler.record.events import DRIFT_FOUND, EventLog, Fact

KEPT = frozenset(
    {
        DRIFT_FOUND, "drift.resolved", "trouble.found", "trouble.resolved", "agent.started", "agent.stopped",
        "agent.paused", "agent.resumed", "heal.suspended",
    }
)  # fmt: skip


@dataclass
class Teller:
    """Says and records; what cannot be recorded is said all the same, and `lost` counts it."""

    stream: TextIO = sys.stderr
    lost: int = 0

    def tell(self, name: str, facts: Mapping[str, Fact], at: datetime, state: StateDirectory | None = None) -> None:
        line = json.dumps({"event": name, "at": at.isoformat(timespec="seconds"), **facts}, ensure_ascii=True)
        print(line, file=self.stream, flush=True)
        if state is not None and name in KEPT:
            try:
                EventLog(state.path / "events.jsonl").tell(name, facts, at)
            except OSError:
                self.lost += 1

    def news(self, news: News, revision: str, at: datetime, state: StateDirectory) -> None:
        """Every hand edit once when it is found, and once when it is over."""
        for name, edit in news.gone.items():
            self.tell("drift.resolved", {**_facts(name, edit), "revision": revision}, at, state)
        for name, edit in news.found.items():
            self.tell(DRIFT_FOUND, {**_facts(name, edit), "revision": revision}, at, state)


def _facts(name: str, edit: Edit) -> dict[str, Fact]:
    return {"address": name, "written": edit.written, "live": edit.live, "observed": edit.observed, "since": edit.at}
