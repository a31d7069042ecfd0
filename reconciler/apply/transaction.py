"""One plan, carried out whole or not at all.

The order is the promise: everything that can fail without a trace comes before the first live file is touched; no
reference is written before its target; and what stood there is put back when a proof does not hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconciler.apply.machine import Machine, Prover
from reconciler.apply.state import StateDirectory
from reconciler.errors import CheckFailed, Conflict, ReconcilerError, RollbackFailed, RolledBack
from reconciler.live.paths import absolute, in_address
from reconciler.model.address import FileAddress
from reconciler.model.applied import LastApplied
from reconciler.model.plan import AssembleCertificate, BuildTable, Edit, MakeCertificate, Plan, Reload
from reconciler.model.proof import Proof
from reconciler.model.receipt import Receipt
from reconciler.model.snapshot import FileState
from reconciler.postfix.table import TableType, compiled_path

_TABLE_MODE, _KEY_MODE, _CERTIFICATE_MODE = 0o644, 0o600, 0o644

Progress = Callable[[str], None]


@dataclass
class _Step:
    """One file on its way: what stands there, what shall, and where the new one waits."""

    path: str
    before: FileState | None
    after: bytes | None
    staged: str = ""
    compiled: bool = False
    begun: bool = False  # set before the file is touched: an interrupt can fall between the touch and the next line


@dataclass
class Transaction:
    """An apply under way. `progress` is told each step, in a word for a person."""

    plan: Plan
    machine: Machine
    state: StateDirectory
    prover: Prover
    progress: Progress = lambda _: None
    steps: list[_Step] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    made: dict[FileAddress, str] = field(default_factory=dict)

    def execute(self) -> Receipt:
        """Carry the plan out.

        Raises Locked, CheckFailed or Conflict with nothing changed; RolledBack with everything put back.
        """
        if self.plan.is_empty:
            self._adopt()
            return Receipt(notes=("nothing to change",))
        with self.state.lock():
            self.progress("probing")
            before = self.prover.before() if self.machine.is_running() else ()
            try:
                self._stage()
                self._check()
                return self._commit(before)
            finally:
                self._discard()

    def _adopt(self) -> None:
        """A host that already matches is taken into the record, and nothing else is written."""
        self.state.write(self._record())

    def _record(self) -> LastApplied:
        entries = dict(self.plan.record)
        for address, digest in self.made.items():
            entries[address] = replace(entries[address], written=digest)
        return LastApplied(self.plan.config_directory, self.plan.revision, entries, self.plan.history)

    # --- before any live file is touched

    def _stage(self) -> None:
        self.progress("staging")
        for certificate in self.plan.certificates:
            self._stage_certificate(certificate)
        for edit in self.plan.edits:
            self._stage_file(
                edit.path, self._unmoved(edit), edit.after, mode=_KEY_MODE if edit.private else _TABLE_MODE
            )
        for action in self.plan.actions:
            if isinstance(action, BuildTable):
                self._stage_table(action)

    def _unmoved(self, edit: Edit) -> FileState | None:
        """The live file, which must still be the one the plan was made from."""
        standing = self.machine.read(edit.path)
        if not edit.compiled and (standing.content if standing else None) != edit.before:
            raise Conflict(f"{edit.path} has changed since the plan was made; plan again")
        return standing

    def _stage_file(self, path: str, before: FileState | None, after: bytes | None, *, mode: int) -> None:
        step = _Step(path, before, after)
        if after is not None:
            step.staged = self.machine.stage(path, after, before, mode=mode)
        self.steps.append(step)

    def _stage_certificate(self, certificate: MakeCertificate | AssembleCertificate) -> None:
        if isinstance(certificate, AssembleCertificate):
            parts = [(certificate.chain_file, self._assembled(certificate), _KEY_MODE)]
        else:
            parts = self._made(certificate)
        for name, content, mode in parts:
            path = absolute(name, self.plan.config_directory)
            self._stage_file(path, self.machine.read(path), content, mode=mode)
            self.made[FileAddress(in_address(path, self.plan.config_directory))] = hashlib.sha256(content).hexdigest()

    def _made(self, certificate: MakeCertificate) -> list[tuple[str, bytes, int]]:
        key, chain = self.machine.make_certificate(certificate.request)
        if certificate.chain_file:
            return [(certificate.chain_file, key + chain, _KEY_MODE)]
        return [(certificate.key_file, key, _KEY_MODE), (certificate.certificate_file, chain, _CERTIFICATE_MODE)]

    def _assembled(self, certificate: AssembleCertificate) -> bytes:
        """The files as one, which must still be what the plan saw: a renewal can fall between."""
        states = [self.machine.read(path) for path in certificate.sources]
        content = b"\n".join(state.content for state in states if state is not None)
        if hashlib.sha256(content).hexdigest() != certificate.sha256:
            raise Conflict(f"{certificate.sources[0]} has changed since the plan was made; plan again")
        return content

    def _stage_table(self, action: BuildTable) -> None:
        source = next((step for step in self.steps if step.path == action.path), None)
        standing = source.before if source else self.machine.read(action.path)
        content = source.after if source else (standing.content if standing else None)
        if content is None:
            raise Conflict(f"{action.path} has gone since the plan was made; plan again")
        kind = TableType(action.type)
        path = compiled_path(kind, action.path)
        self.progress(f"postmap {action.type}:{action.path}")
        held = {step.path: step.staged for step in self.steps if step.staged} if action.of_files else None
        staged = self.machine.build(action.type, action.path, content, standing, held)
        step = _Step(path, self.machine.read(path), b"", staged)
        self.steps.append(step)
        self.built.append(f"{action.type}:{action.path}")

    def _check(self) -> None:
        self.progress("checking")
        files = {step.path: step.after for step in self.steps if step.after is not None and not step.compiled}
        complaints = self.machine.check(files)
        if complaints:
            raise CheckFailed(
                "Postfix refuses the configuration, which was not put in place:\n" + "\n".join(complaints)
            )

    # --- from here on live files change

    def _commit(self, before: tuple[Proof, ...]) -> Receipt:
        old_record = self.state.record.read_bytes() if self.state.record.exists() else None
        removals = [step for step in self.steps if step.after is None]
        try:
            self.progress("committing")
            for step in self._in_order():
                step.begun = True
                self.machine.commit(step.staged, step.path, step.before)
            self.state.write(self._record())
            reloaded = self._reload_if_planned()
            for step in removals:
                step.begun = True
                self.machine.remove(step.path, step.before)
            after = self._prove(before)
        except BaseException as failure:  # an interrupt too must not leave half of a change behind
            self._roll_back(old_record, failure)
            raise
        return Receipt(
            written=tuple(step.path for step in self.steps if step.after is not None),
            removed=tuple(step.path for step in removals),
            built=tuple(self.built),
            reloaded=reloaded,
            before=before,
            after=after,
            notes=()
            if self.machine.is_running()
            else ("Postfix is not running; the files are in place for its start",),
        )

    def _in_order(self) -> list[_Step]:
        """Certificates and tables first, compiled ones with them, then master.cf, main.cf last."""
        rank = {"master.cf": 1, "main.cf": 2}
        own = {absolute(name, self.plan.config_directory): order for name, order in rank.items()}
        return sorted((step for step in self.steps if step.after is not None), key=lambda step: own.get(step.path, 0))

    def _reload_if_planned(self) -> bool:
        planned = any(isinstance(action, Reload) for action in self.plan.actions)
        if not planned or not self.machine.is_running():
            return False
        self.progress("reloading")
        self.machine.reload()
        return True

    def _prove(self, before: tuple[Proof, ...]) -> tuple[Proof, ...]:
        if not before:
            return ()
        self.progress("proving")
        after = self.prover.after()
        worse = self.prover.regressions(before, after)
        if worse:
            seen = "\n".join(f"  {it.name} {it.subject}: {it.observed} (expected: {it.expected})" for it in worse)
            raise RolledBack(f"the change broke what worked before:\n{seen}")
        return after

    def _roll_back(self, old_record: bytes | None, failure: BaseException) -> None:
        """Put back what stood there, in the reverse order; main.cf lets go of a table before the table goes."""
        self.progress("rolling back")
        begun = [step for step in (*self._in_order(), *(it for it in self.steps if it.after is None)) if step.begun]
        try:
            for step in reversed(begun):
                self._put_back(step)
            self.state.replace(old_record)
        except ReconcilerError as second:
            left = ", ".join(step.path for step in begun)
            raise RollbackFailed(
                f"{failure}\nputting the old files back failed too: {second}\nlook at: {left}"
            ) from second

        self._reload_old(bool(begun), failure)

    def _reload_old(self, changed: bool, failure: BaseException) -> None:
        """Let Postfix read the old files again, as far as it had read the new ones; it is never started by us."""
        if not changed or not any(isinstance(it, Reload) for it in self.plan.actions):
            return
        if not self.machine.is_running():
            raise RollbackFailed(f"{failure}\nthe old files are back, but Postfix has ended; start it: postfix start")
        try:
            self.machine.reload()
        except ReconcilerError as second:
            raise RollbackFailed(f"{failure}\nthe old files are back, but Postfix took no reload: {second}") from second

    def _put_back(self, step: _Step) -> None:
        standing = self.machine.read(step.path)
        if (standing and standing.content) == (step.before and step.before.content):
            return
        if step.before is None:
            self.machine.remove(step.path, standing)
        else:
            staged = self.machine.stage(step.path, step.before.content, step.before, mode=step.before.mode)
            self.machine.commit(staged, step.path, standing)

    def _discard(self) -> None:
        for step in self.steps:
            if step.staged:
                self.machine.discard(step.staged)
