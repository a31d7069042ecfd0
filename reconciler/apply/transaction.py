"""One plan, carried out whole or not at all, whatever happens to this process or to the machine.

The order is the promise: everything that can fail without a trace comes before the first live file is touched; the
journal says what is about to happen before it does; no reference is in place before its target; and what stood there
is put back when a proof does not hold. docs/transaction.md tells it to the administrator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from reconciler import __version__
from reconciler.apply import durable
from reconciler.apply.course import RESTARTED, Course, Progress
from reconciler.apply.machine import Machine, Prover, Trial
from reconciler.apply.quarantine import Quarantine
from reconciler.apply.shield import shield
from reconciler.apply.staging import Staging
from reconciler.apply.state import Mark, StateDirectory
from reconciler.errors import CanaryRefused, CheckFailed, RolledBack, StateUnusable
from reconciler.frozen import replace
from reconciler.live.paths import absolute
from reconciler.model.address import FileAddress, TableAddress
from reconciler.model.applied import LastApplied, Mirrored
from reconciler.model.candidate import Candidate
from reconciler.model.journal import Journal, Phase, Purpose
from reconciler.model.plan import BuildTable, Plan, Reload
from reconciler.model.receipt import Receipt
from reconciler.model.verdict import Verdict
from reconciler.postfix.table import NOTE, TableType, compiled_path
from reconciler.report import difference
from reconciler.report.blocks import summary

TRIAL_GIVEN_UP = (
    "left out: a configuration that Postfix starts with and that then serves no mail or no TLS is found only by the "
    "proofs after it is live, and taken back"
)

_INTERRUPTED = {
    True: "the change had been made and proven by then; it stays",
    False: "nothing of the change is left",
}


@dataclass
class Transaction:
    """An apply, or the way back from one. `progress` is told each step, in a word for a person.

    `prover` gives what proves the change; it is asked while the checks run, for there is much to load.
    `recorded` marks the record that the plan was made from: what was written to it since would be lost.
    """

    plan: Plan
    machine: Machine
    state: StateDirectory
    prover: Callable[[], Prover]
    progress: Progress = lambda _: None
    purpose: Purpose = Purpose.APPLY
    trial: Trial | None = None
    skips_trial: bool = False  # by name: what that gives up is recorded
    undoes: Journal | None = None  # the transaction that a way back takes back
    quarantines: tuple[str, ...] = ()  # revisions, once it is done
    recorded: Mark | None = None
    number: int = 0  # its ID, once it has begun
    course: Course = field(init=False)

    def execute(self) -> Receipt:
        """Carry the plan out.

        Raises Locked, Quarantined, CheckFailed or Conflict with nothing changed; RolledBack with everything put back.
        """
        if self.plan.is_empty:
            self.state.adopt(
                self._record({}), self.recorded
            )  # a host that already matches is adopted, and nothing else is written
            return Receipt(notes=("nothing to change",))
        with self.state.lock():
            self.state.refuse_if_moved(self.recorded)
            held = Quarantine(self.state.quarantine)
            held.entries()  # it is written to at the end
            if self.purpose is Purpose.APPLY:
                held.refuse(self.plan.revision)
            staging = Staging(self.plan, self.machine)
            staging.intend()
            self.course = self._begun(staging)
            self.number = self.course.entry.number
            try:
                self._prepare(staging)
                self.course.commit()
                self.course.prove(self._prover)
            except BaseException as failure:  # an interrupt too must not leave half of a change behind
                with shield():
                    self.course.unwind(self._prover, failure)
                    if not isinstance(failure, Exception | SystemExit) and not failure.args:  # a signal
                        failure.args = (_INTERRUPTED[self.course.journal.phase is Phase.DONE],)
                if isinstance(failure, RolledBack):
                    failure.args = (f"{failure}\n{aftermath(self.course.journal)}",)
                raise
            finally:
                self.machine.sweep()
                self.state.ledger.prune()
            return receipt_of(self.course.journal)

    def _begun(self, staging: Staging) -> Course:
        """The journal says which files are about to be made before there are any."""
        journal = self._journal(staging)
        try:
            entry = self.state.ledger.begin()
            journal = replace(journal, number=entry.number)
            entry.write(journal, lasting=False)
        except OSError as error:
            raise StateUnusable(f"{self.state.path}: cannot be written ({error.strerror})") from error
        return Course(entry, journal, self.machine, self.state, self.progress)

    def _journal(self, staging: Staging) -> Journal:
        plan = self.plan
        return Journal(
            number=0,
            phase=Phase.STAGING,
            purpose=self.purpose,
            undoes=self.undoes.number if self.undoes else 0,
            quarantines=self.quarantines,
            emptied=self.undoes.directories if self.undoes else (),
            host=plan.host,
            instance=plan.instance,
            config_directory=plan.config_directory,
            queue_directory=self.machine.queue_directory,
            revision=plan.revision,
            origin=plan.origin,
            digest=plan.digest,
            version=__version__,
            begun=datetime.now(UTC).isoformat(timespec="seconds"),
            summary=summary(plan),
            changes=plan.changes,
            passages=staging.passages,
            directories=staging.directories,
            built=tuple(_built(plan)),
            tables=self.undoes.tables if self.undoes else tuple(dict.fromkeys((*_built(plan), *_gone(plan)))),
            reload=any(isinstance(action, Reload) for action in plan.actions),
        )

    def _prepare(self, staging: Staging) -> None:
        """Everything that can go wrong without a live file being touched, then PREPARED."""
        self.machine.sweep()
        for name in staging.write():
            self.progress(f"staging {name}")
        self.course.journal = replace(self.course.journal, passages=staging.passages)
        self._check(staging)
        self._try_out(staging)
        self.progress("probing")
        before = self._prover.before() if self.machine.is_running() else ()
        self._keep_old(staging)
        self.course.write(replace(self.course.journal, phase=Phase.PREPARED, before=before))

    @cached_property
    def _prover(self) -> Prover:
        return self.prover()

    def _get_ready(self) -> None:
        _ = self._prover

    def _check(self, staging: Staging) -> None:
        self.progress("checking")
        complaints = self.machine.check(staging.contents, self._get_ready)
        if complaints:
            raise CheckFailed(
                "the configuration does not pass the checks, and was not put in place:\n" + "\n".join(complaints)
            )

        self.course.journal = replace(self.course.journal, notes=self.machine.remarks())

    def _try_out(self, staging: Staging) -> None:
        """The private instance. A candidate that has passed there is not tried again."""
        if self.skips_trial or self.trial is None:
            self._tried(TRIAL_GIVEN_UP if self.skips_trial else "", skipped=self.skips_trial)
            return
        verdict = self.trial.try_out(self._candidate(staging), frozenset(self.state.proven()))
        if not verdict.passed:
            told = "\n".join(f"  {problem}" for problem in verdict.problems)
            self._tried(f"refused: {'; '.join(verdict.problems)}")
            raise CanaryRefused(f"the change fails in a private instance, and was not put in place:\n{told}")
        self.state.remember_proven(verdict.digest)
        took = "passed before, not tried again" if verdict.already_proven else _passed(verdict)
        left_out = tuple(f"not tried in the canary: {it}" for it in verdict.left_out)
        standing = tuple(f"fails in the canary, and did so before: {it}" for it in verdict.standing)
        self.course.journal = replace(self.course.journal, notes=(*self.course.journal.notes, *left_out, *standing))
        self._tried(took)

    def _tried(self, result: str, *, skipped: bool = False) -> None:
        self.course.journal = replace(self.course.journal, trial=result, skipped_trial=skipped)

    def _candidate(self, staging: Staging) -> Candidate:
        """Compiled tables where they wait: they were built for this change, from the files it brings."""
        gone = (it.passage.path for it in staging.steps if not it.passage.compiled and it.content is None)
        removed = frozenset(gone)
        known = (it.partition(":") for it in self.course.journal.tables)
        tables = {path: kind for kind, _, path in known if path not in removed}
        planned = frozenset(change.address for change in self.plan.changes)
        return Candidate(self.plan.config_directory, staging.contents, removed, tables, planned)

    def _keep_old(self, staging: Staging) -> None:
        """Copies of what stands there, the record before and after, and the difference for people."""
        entry = self.course.entry
        for step in staging.steps:
            if step.within is not None and not step.table:
                self.machine.keep_lines(step.within, entry.copy(step.passage))
            elif step.passage.before is not None and step.within is None:
                self.machine.copy(step.passage.target, entry.copy(step.passage))
        try:
            record = self.state.record.read_bytes() if self.state.record.exists() else None
            if record is not None:
                durable.replace(entry.old_record, record)
            self._keep_bases(staging)
            durable.replace(entry.new_record, self._record(staging.made).to_json())
            durable.replace(entry.diff, _difference(staging), lasting=False)
            entry.sync()
        except OSError as error:
            raise StateUnusable(f"{entry.path}: cannot be written ({error.strerror})") from error

    def _record(self, made: Mapping[FileAddress, str]) -> LastApplied:
        entries = dict(self.plan.record)
        for address, digest in made.items():
            entries[address] = replace(entries[address], written=digest)
        plan = self.plan
        return LastApplied(plan.config_directory, plan.revision, entries, plan.history, self._mirrors())

    def _mirrors(self) -> dict[str, Mirrored]:
        """The large tables with the marks of what is about to be put in place."""
        passages = self.course.journal.passages if not self.plan.is_empty else ()
        marks = {it.path: it.after.sha256 for it in passages if it.after is not None}
        found = {}
        for path, mirror in self.plan.mirrors.items():
            where = absolute(path, self.plan.config_directory)
            built = compiled_path(TableType(mirror.kind), where)
            source, compiled = marks.get(where, mirror.source), marks.get(built, mirror.compiled)
            found[path] = replace(mirror, source=source, compiled=compiled)
        return found

    def _keep_bases(self, staging: Staging) -> None:
        """The policy files that the record names, for a day on which somebody has written to their tables."""
        steps = {it.passage.path: it for it in staging.steps if not it.table}
        for path, mirror in self.plan.mirrors.items():
            step = steps.get(absolute(path, self.plan.config_directory))
            if step is None or self.state.has_base(mirror.base):
                continue
            state = self.machine.read(step.passage.aside) if step.within is not None else None
            content = state.content if state else step.content
            if content is not None:
                self.state.keep_base(mirror.base, content.removeprefix(NOTE))
        self.state.forget_bases({it.base for it in self.plan.mirrors.values()})


def aftermath(journal: Journal) -> str:
    """What somebody wants to know who reads that a change was taken back: how things stand now."""
    restarted = ", with a restart, for a service was throttled" if RESTARTED in journal.notes else ""
    held = "; its revision is not applied again until `reconciler release`, or until the branch moves on"
    return (
        f"the files are back as they were, and Postfix does what it did before{restarted}"
        f"{held if journal.purpose is Purpose.APPLY else ''}; `reconciler history show {journal.number}` tells all"
    )


def _passed(verdict: Verdict) -> str:
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in verdict.steps)
    return f"passed in {verdict.duration_s:.1f} s{f' ({steps})' if steps else ''}"


def _built(plan: Plan) -> Iterator[str]:
    return (f"{it.type}:{it.path}" for it in plan.actions if isinstance(it, BuildTable))


def _gone(plan: Plan) -> Iterator[str]:
    """Compiled tables that are taken away; what such a change replaces begins with the table's type."""
    for change in plan.changes:
        if isinstance(change.address, TableAddress) and change.after is None and change.before:
            kind = TableType(change.before.partition(" ")[0])
            if kind.compiled:
                yield f"{kind.value}:{absolute(change.address.path, plan.config_directory)}"


def _difference(staging: Staging) -> bytes:
    texts = (
        difference.unified(step.passage.path, step.before.content if step.before else None, step.content)
        for step in staging.steps
        if not step.passage.compiled
    )
    return "".join(texts).encode("utf-8", "replace")


def receipt_of(journal: Journal) -> Receipt:
    """What a transaction that has ended well did."""
    return Receipt(
        written=tuple(it.path for it in journal.passages if it.after is not None),
        removed=tuple(it.path for it in journal.passages if it.after is None),
        built=journal.built,
        reloaded=journal.reloaded,
        before=journal.before,
        after=journal.after,
        notes=journal.notes,
        skipped_trial=journal.skipped_trial,
        transaction=journal.number,
    )
