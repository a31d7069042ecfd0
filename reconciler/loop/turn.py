"""One pass of the agent: read, compare, decide, and carry out what may be carried out now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from typing import assert_never

from reconciler.apply.course import Progress
from reconciler.apply.quarantine import Quarantine
from reconciler.apply.state import StateDirectory
from reconciler.errors import GuardTripped, PlanRefused, Quarantined, ReconcilerError, StateInvalid, StateUnusable
from reconciler.frozen import dataclass, replace
from reconciler.host import service
from reconciler.incident.drift import kind_of
from reconciler.loop import begun, fingerprint, heal, recording, remembering
from reconciler.loop.carry_out import apply
from reconciler.loop.fingerprint import Fingerprints, Master
from reconciler.loop.heal import CarryOut, Decision, Deferred, Memory, Nothing, Policy, Wait
from reconciler.loop.holds import Rules, hold, pause_file
from reconciler.loop.lean import Rows
from reconciler.loop.look import Sight, look, plan_of
from reconciler.loop.origin import Origin
from reconciler.loop.place import Where
from reconciler.loop.recover import recover
from reconciler.loop.schedule import Outcome
from reconciler.loop.serving import Serving
from reconciler.loop.telling import Teller
from reconciler.loop.turned import Turned
from reconciler.model import address
from reconciler.model.address import Address
from reconciler.model.drift import Kind
from reconciler.model.event import HEAL_DEFERRED, HEAL_SUSPENDED
from reconciler.model.moment import Moment
from reconciler.model.plan import Plan, Reason
from reconciler.model.snapshot import RepoSnapshot
from reconciler.report.masking import masked_address
from reconciler.source import handover

_REFUSED = (StateInvalid, PlanRefused, GuardTripped, Quarantined)  # what a commit can be refused for
_OF_EDITS = ("HealDeferred", "FightSuspended")  # told of each address
_ENDS_UNSEEN = (Kind.POSTFIX_DOWN, Kind.CONFIGURATION_OLD, Kind.CERTIFICATE_SERVED)  # looked at with every tick


@dataclass
class Turn:
    """The passes of one instance; what they have in common lies in here between them.

    `trouble` is why the newest commit is not the one in force, None where it is.
    """

    where: Where
    state: StateDirectory
    origin: Origin
    policy: Policy
    rules: Rules
    clock: Callable[[], Moment]
    teller: Teller
    watched: tuple[str, ...] = ()  # files beside those that are read: the trigger, the freeze file
    progress: Progress = lambda _: None
    seen: Fingerprints = field(default_factory=lambda: Fingerprints({}))
    trouble: ReconcilerError | None = None
    newest: str = ""  # the revision that git says now
    said: str = ""  # the last reason to wait, which is told once
    _deferred: Mapping[Address, str] = field(default_factory=dict)  # what was told of edits that stand for now
    serving: Serving = field(default_factory=Serving)
    _master: Master | None = None  # as the last pass saw it
    _unserved: Mapping[str, str] = field(default_factory=dict)  # by path of a certificate file: what is given instead
    _restless: bool = False  # something is amiss that no file tells the end of
    _memory: Memory = field(default_factory=Memory)
    _kept: fingerprint.Mark = None  # of the file that the memory was last read from or written to

    def nothing_changed(self) -> bool:
        """Whether the last pass would see the same again."""
        if self._restless or not self.seen.marks or self.origin.is_due(self.clock().uptime_s):
            return False
        return self.seen.still_hold() and (self._master is None or self._master.is_same())

    def take(self, *, full: bool = True) -> Turned:
        """One whole pass; one that is not `full` follows a change of files, and asks no remote before that is due.

        Raises every error of the tree; what was seen until then is remembered.
        """
        before = fingerprint.of((*self.seen.marks, *self._more()))
        self.seen = before
        recover(self.where, self.progress)
        newest = self._newest(asking=full)
        self.newest = newest.revision
        sight, plan = self._in_force(newest, before)
        self._master = Master.of(sight.live)
        plan = self._take_in(sight, plan)
        stopped = None if plan.is_empty else hold(self.state, self.rules, self.clock())
        decision = heal.decide(plan, self._memory, self.clock(), self.policy, stopped)
        return replace(self._act(decision, sight, plan), enforced=sight.desired.enforced)

    def settle(self) -> None:
        """Take everything for seen as it is now: after a failure the clock decides when to try again."""
        self.seen = fingerprint.of((*self.seen.marks, *self._more()))

    def _more(self) -> tuple[str, ...]:
        own = (pause_file(self.state), self.state.quarantine)
        return (*self.origin.paths(), *self.watched, *(str(it) for it in own))

    # --- which state

    def _newest(self, *, asking: bool) -> RepoSnapshot:
        """What git says, else what it said when this host was last as it shall be."""
        try:
            newest = self.origin.latest(self.clock().uptime_s, asking=asking)
        except ReconcilerError as error:
            good = self._good()
            if good is None:
                raise
            self.trouble = error
            return good
        self.trouble = self.origin.trouble
        return newest

    def _in_force(self, newest: RepoSnapshot, before: Fingerprints) -> tuple[Sight, Plan]:
        """The newest commit; where it is refused, the last good one, to which hand edits are still healed."""
        try:
            return self._seen(newest, before)
        except _REFUSED as refused:
            good = self._good()
            if good is None or good.revision == newest.revision:
                raise
            self.trouble = refused
            return self._seen(good, before)

    def _seen(self, repo: RepoSnapshot, before: Fingerprints) -> tuple[Sight, Plan]:
        sight = look(self.where, begun.of(self.where, repo), Rows.DIFFERING)
        self.seen = fingerprint.of_sight(sight, before, self._more())
        plan = plan_of(sight)
        if plan.blockers:
            raise GuardTripped("; ".join(f"{it.rule} at {it.address}: {it.text}" for it in plan.blockers))
        if not plan.is_empty:
            Quarantine(self.state.quarantine).refuse(repo.revision)
        return sight, plan

    def _good(self) -> RepoSnapshot | None:
        try:
            return handover.read(self._good_file)
        except ReconcilerError:
            return None

    @property
    def _good_file(self) -> str:
        return str(self.state.path / "good.state")

    # --- what is remembered

    def _take_in(self, sight: Sight, plan: Plan) -> Plan:
        """Record what was seen; gives the plan, with what sessions have shown."""
        now = self.clock()
        known = self._recall(now)
        pid = sight.live.snapshot.master_pid
        unit = service.unit_of(pid) if pid is not None else known.unit
        scene = recording.scene(sight, plan, unit)
        scene = replace(scene, presented=self.serving.look(scene, now))
        found = self.teller.look(scene, now)
        self._restless = any(it.is_open and it.kind in _ENDS_UNSEEN for it in found.values())
        memory, _ = heal.take_in(replace(known, unit=unit), plan, now)
        if memory != known:
            for name in memory.fights.keys() - known.fights.keys():
                where = address.parse(name)
                about = {"kind": kind_of(where).value, "address": masked_address(where), "revision": plan.revision}
                self.teller.tell(HEAL_SUSPENDED, about, now)
            self._remember(memory, now)
        self._unserved = self.serving.unserved(scene.presented)
        return plan_of(sight, unserved=self._unserved) if self._unserved else plan

    def _recall(self, now: Moment) -> Memory:
        """From the file where somebody else wrote it, such as `reconciler resume`."""
        standing = fingerprint.mark(str(remembering.file(self.state)))[0]
        if standing is not None and standing != self._kept:
            self._memory, self._kept = remembering.recall(self.state, now), standing
        return self._memory

    def _remember(self, memory: Memory, now: Moment) -> None:
        """A full disk keeps nobody from healing: then the memory lasts as long as the process."""
        self._memory = memory
        with suppress(StateUnusable):
            remembering.remember(self.state, memory, now)
        self._kept = fingerprint.mark(str(remembering.file(self.state)))[0]

    # --- what is done

    def _act(self, decision: Decision, sight: Sight, plan: Plan) -> Turned:
        match decision:
            case Nothing():
                self.said = ""
                self._defer(())
                self._adopt(sight, plan)
                return Turned(Outcome.SETTLED, "Synced", "nothing to do", plan.revision)
            case Wait(word, text, due, deferred):
                self._defer(deferred)
                if word not in _OF_EDITS:
                    self._say_once(word, text, plan)
                return Turned(Outcome.SETTLED, word, text, plan.revision, due)
            case CarryOut(held, due, deferred):
                self._defer(deferred)
                made = plan_of(sight, held, self._unserved) if held else plan
                if any(it.reason is Reason.CERTIFICATE_NOT_SERVED for it in made.changes):
                    self.serving.reloaded()
                apply(sight, made, self.progress, looked=True, heard=self.teller.say)
                now = self.clock()
                self._remember(heal.healed(self._memory, made, now), now)
                return Turned(Outcome.APPLIED, "Applied", f"{len(made.changes)} changed", plan.revision, due)
            case _:
                assert_never(decision)

    def _adopt(self, sight: Sight, plan: Plan) -> None:
        """A host that matches is taken into the record, and its state is the good one from now on."""
        if sight.last.revision != plan.revision or sight.last.entries != plan.record:
            apply(sight, plan, self.progress, looked=True, heard=self.teller.say)
        if self.trouble is None and self._memory.good != plan.revision:
            with suppress(ReconcilerError):  # only what to fall back on
                handover.write(self._good_file, sight.repo)
                now = self.clock()
                self._remember(heal.known_good(self._memory, plan.revision), now)

    def _say_once(self, word: str, text: str, plan: Plan) -> None:
        if text != self.said:
            facts = {"reason": word, "text": text, "revision": plan.revision}
            self.teller.tell("agent.waited", facts, self.clock())
            self.said = text

    def _defer(self, deferred: tuple[Deferred, ...]) -> None:
        """What stands for now is told once, and again when something else is to be told of it."""
        fresh = [it for it in deferred if self._deferred.get(it.address) != it.note]
        for it in fresh:
            until = it.until.isoformat(timespec="seconds") if it.until else ""
            about = {"kind": kind_of(it.address).value, "address": masked_address(it.address)}
            self.teller.tell(HEAL_DEFERRED, {**about, "until": until, "note": it.note}, self.clock())
        self._deferred = {it.address: it.note for it in deferred}
