"""The recorder of one instance: what is seen and done becomes events, and the events its open incidents.

`incidents.cache` beside the outbox is only a short cut: what the events up to a number come to. The events are the
truth, and what is missing in it is folded in from them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path

from reconciler.errors import naming
from reconciler.frozen import dataclass, replace
from reconciler.host import clock
from reconciler.incident import looking, machine
from reconciler.incident.drift import Noted, Scene, found, note
from reconciler.incident.looking import News
from reconciler.model import codec
from reconciler.model.drift import Kind
from reconciler.model.event import APPLY_FAILED, APPLY_FINISHED, Event, Fact
from reconciler.model.incident import Incident
from reconciler.model.moment import Moment
from reconciler.model.plan import Plan
from reconciler.model.receipt import Receipt
from reconciler.record.outbox import Outbox
from reconciler.report.masking import masked

Heard = Callable[[str, Mapping[str, Fact]], None]


def unheard(_name: str, _facts: Mapping[str, Fact]) -> None:
    """For commands that print their own words."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept between two looks. `look` is the number of the last one, `sequence` the last event folded in."""

    outbox: str = ""
    sequence: int = 0
    look: int = 0
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    noted: Noted = field(default_factory=Noted)


@dataclass(slots=True)
class Recorder:
    """`directory` is STATE_DIR/<instance>. `heard` is told every event that was recorded, such as the log."""

    directory: Path
    heard: Heard = unheard
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = self._load()

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.directory / "events.jsonl")

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """The latest incident of each key, open or not."""
        return self.memory.incidents

    @property
    def open(self) -> tuple[Incident, ...]:
        return tuple(it for _, it in sorted(self.memory.incidents.items()) if it.is_open)

    def look(self, scene: Scene, now: Moment | None = None) -> Mapping[str, Incident]:
        """Record what one look found; gives the incidents as they are then. A look without news writes nothing.

        Raises OSError where the outbox cannot be written.
        """
        now = now or clock.now()
        number = self.memory.look + 1
        drifted = found(scene, self.memory.noted)
        news = list(looking.of_look(self.memory.incidents, drifted, scene.plan, now, number))
        noted = note(scene, self.memory.noted)
        self._tell(news, now, noted=noted)
        self.memory = replace(self.memory, look=number)
        return self.memory.incidents

    def note(self, scene: Scene) -> None:
        """Take things for what to compare the next look with, such as after an apply; no event is made of it."""
        self._tell((), clock.now(), noted=note(scene, self.memory.noted))

    def applied(self, plan: Plan, receipt: Receipt, duration_s: float, now: Moment | None = None) -> None:
        """Record an apply that was carried out and proved, and which drifts it ended."""
        now = now or clock.now()
        facts: dict[str, Fact] = {
            "revision": plan.revision,
            "changes": len(plan.changes),
            "files": len(receipt.written) + len(receipt.removed),
            "reloaded": receipt.reloaded,
            "canary_skipped": receipt.skipped_trial,
            "transaction": receipt.transaction,
            "duration_s": round(duration_s, 3),
        }
        ended = looking.of_apply(self.memory.incidents, plan, receipt)
        touched = {*receipt.written, *receipt.removed, *receipt.built}
        kept = {path: it for path, it in self.memory.noted.attributes.items() if path not in touched}
        noted = replace(self.memory.noted, attributes=kept)  # and noted anew
        self._tell([(APPLY_FINISHED, facts), *ended], now, noted=noted)

    def failed(self, plan: Plan, reason: str, why: str, now: Moment | None = None) -> None:
        """Record an apply that changed nothing, or whose changes were taken back."""
        now = now or clock.now()
        facts = {"revision": plan.revision, "reason": reason, "why": masked(why)}
        self._tell([(APPLY_FAILED, facts)], now)

    def trouble(self, kind: Kind, subject: str, why: str, now: Moment | None = None) -> None:
        """Record what keeps the agent from its work; `why` has no durations and counters: it tells one from another."""
        now = now or clock.now()
        self._tell(looking.of_trouble(self.memory.incidents, kind, masked(subject), masked(why), now), now)

    def relieve(self, now: Moment | None = None) -> None:
        """Record that nothing keeps the agent from its work any more."""
        self._tell(looking.of_relief(self.memory.incidents), now or clock.now())

    def say(self, name: str, facts: Mapping[str, Fact], now: Moment | None = None) -> Event:
        """Record any other event that is kept."""
        return self._tell([(name, facts)], now or clock.now())[0]

    def catch_up(self) -> None:
        """Take in what other commands have recorded meanwhile."""
        if self.outbox.last() != (self.memory.outbox, self.memory.sequence):
            self.memory = self._load()

    def _tell(self, news: Iterable[News], now: Moment, *, noted: Noted | None = None) -> list[Event]:
        events = []
        for name, facts in news:
            try:
                events.append(self.outbox.append(name, facts, now))
            finally:  # what cannot be recorded is said all the same
                self.heard(name, facts)
        look = max((it for event in events if isinstance(it := event.facts.get("look"), int)), default=self.memory.look)
        after = self._after(events)
        after = replace(after, look=look, noted=noted if noted is not None else after.noted)
        if after != self.memory:
            self.memory = after
            self._save()
        return events

    def _after(self, events: list[Event]) -> Memory:
        """With these folded in; where somebody else's lie between, with those too."""
        if not events:
            return self.memory
        follow = (events[0].outbox, events[0].sequence - 1) == (self.memory.outbox, self.memory.sequence)
        return self._folded(self.memory, events) if follow else self._load()

    @staticmethod
    def _folded(memory: Memory, events: Iterable[Event]) -> Memory:
        events = list(events)
        if not events:
            return memory
        incidents = machine.fold(memory.incidents, events)
        return replace(memory, outbox=events[-1].outbox, sequence=events[-1].sequence, incidents=incidents)

    def _load(self) -> Memory:
        try:
            memory: Memory = codec.decode(Memory, json.loads(self._path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            memory = Memory()
        aside = Outbox(self.outbox.path.with_name("events.jsonl.1"))
        boxes = (aside, self.outbox)
        missed = {(it.outbox, it.sequence): it for box in boxes for it in box.read(memory.sequence, memory.outbox)}
        return self._folded(memory, missed.values())

    @property
    def _path(self) -> Path:
        return self.directory / "incidents.cache"

    def _save(self) -> None:
        """A short cut needs no fsync: what a crash takes is folded in again."""
        staged = self._path.with_name(".incidents.cache.new")
        staged.unlink(missing_ok=True)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with naming(self._path), os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(json.dumps(codec.encode(self.memory)).encode())
        staged.replace(self._path)
