"""The way of a transaction from PREPARED to its end, the same whether it is gone at once or taken up after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.apply.ledger import Entry
from reconciler.apply.machine import Machine, Prover
from reconciler.apply.quarantine import Held, Quarantine
from reconciler.apply.shield import shield
from reconciler.apply.state import StateDirectory
from reconciler.errors import (
    Conflict,
    Locked,
    ReconcilerError,
    RecoveryStopped,
    RollbackFailed,
    RolledBack,
    StateUnusable,
)
from reconciler.frozen import replace
from reconciler.model.journal import Journal, Passage, Phase, Purpose, Standing
from reconciler.model.proof import Proof

Progress = Callable[[str], None]
RESTARTED = "Postfix was restarted to end the throttling"


@dataclass
class Course:
    """One transaction under way. `journal` is what its file says."""

    entry: Entry
    journal: Journal
    machine: Machine
    state: StateDirectory
    progress: Progress = lambda _: None

    def write(self, journal: Journal, *, lasting: bool = True) -> None:
        """Go on to another journal.

        Raises StateUnusable, and then it is as it was.
        """
        try:
            self.entry.write(journal, lasting=lasting)
        except OSError as error:
            raise StateUnusable(f"{self.entry.path}: the journal cannot be written ({error.strerror})") from error
        self.journal = journal

    def commit(self) -> None:
        """Swap every file that is not swapped yet, all of them or none.

        Raises Conflict, HostUnwritable or StateUnusable with everything put back, RollbackFailed where that failed too.
        """
        self.progress("committing")
        with shield(), self.machine.edits_held():
            for passage in self.journal.passages:
                if self.machine.standing(passage) is Standing.STRANGE:
                    raise Conflict(f"{passage.path} was changed by somebody else meanwhile; plan again")
            self.write(replace(self.journal, phase=Phase.COMMITTING), lasting=False)
            try:
                self._carry()
            except BaseException as failure:
                self._take_back(failure)
                raise

    def _carry(self) -> None:
        passages = self.journal.passages
        for passage in passages:
            if self.machine.standing(passage) is Standing.OLD:
                self.machine.carry(passage)
        self.machine.sync(passages)
        gone = [it.path for it in passages if self.machine.standing(it) is not Standing.NEW]
        if gone:
            raise Conflict(f"{', '.join(gone)}: written by somebody else meanwhile; theirs was kept; plan again")
        self.state.replace(_bytes(self.entry.new_record))
        self.write(replace(self.journal, phase=Phase.APPLIED), lasting=False)

    def _take_back(self, failure: BaseException) -> None:
        """Within a moment of the swap: what somebody else wrote meanwhile was made from the old files, and stays."""
        self._put_back(failure)
        trouble = ""
        if self.journal.reload and self.machine.is_running():
            trouble = _trouble_of(self.machine.reload)
        self._end_back(failure, trouble, held="")

    def prove(self, prover: Prover) -> None:
        """Reload where that is planned, probe, and end: DONE.

        Raises RolledBack where something got worse, Conflict where that was not of these files; the caller unwinds.
        """
        self._show_tables()
        reloaded = self._reload(prover)
        after: tuple[Proof, ...] = ()
        if self.journal.before:  # it was running
            self.progress("proving")
            after = prover.after()
            worse = prover.regressions(self.journal.before, after)
            if worse:
                self.journal = replace(self.journal, after=after, reloaded=reloaded)
                self._refuse_to_blame(worse)
                raise RolledBack(f"with the change this fails, and did not before:\n{_told(worse)}")
        notes = self.journal.notes
        if not self.machine.is_running():
            notes = (*notes, "Postfix is not running; the files are in place for its start")
        with shield():
            self.journal = replace(self.journal, after=after, reloaded=reloaded, notes=notes)
            self._remember_revisions()
            self._end(Phase.DONE, None)

    def _remember_revisions(self) -> None:
        """A way back from a way back lets those out that were held back with that one."""
        for revision in self.journal.quarantines:
            self._quarantine(revision, self.journal.summary)
        if self.journal.undoes:
            with self._quarantine_written():
                Quarantine(self.state.quarantine).withdraw(self.journal.undoes)

    def _refuse_to_blame(self, worse: tuple[Proof, ...]) -> None:
        """A revision is not tried again for what was seen while somebody else had put the old files back."""
        gone = [it.path for it in self.journal.passages if self.machine.standing(it) is Standing.OLD]
        if gone:
            why = "changed back by somebody else while it was proved, and something got worse; plan again"
            raise Conflict(f"{', '.join(gone)}: {why}\n{_told(worse)}")

    def _show_tables(self) -> None:
        """Let go of the old compiled tables: by the end of their last name Postfix sees that there are others."""
        for passage in self.journal.passages:
            if passage.compiled:
                self.machine.clear(passage, self.entry.kept(passage))

    def _reload(self, prover: Prover) -> bool:
        if not self.journal.reload or not self.machine.is_running():
            return False
        self.progress("reloading")
        prover.mark()
        self.machine.reload()
        return True

    # --- the ways back

    def unwind(self, prover: Prover, failure: BaseException) -> None:
        """Whatever happened, wherever: nothing is left half done. Raises RollbackFailed where that cannot be."""
        match self.journal.phase:
            case Phase.STAGING | Phase.PREPARED:
                with shield(), suppress(StateUnusable):  # the failure itself is the news; a later run tidies up
                    self._end(Phase.ABORTED, failure)
            case Phase.COMMITTING | Phase.APPLIED:
                self.roll_back(prover, failure)
            case _:  # it has ended, or what could be done was
                pass

    def roll_back(self, prover: Prover, failure: BaseException) -> None:
        """Put the old files back, let Postfix read them, see that it serves, and remember the revision.

        Raises RollbackFailed, with nothing touched where a file is neither the old nor the new one.
        """
        self.progress("rolling back")
        with shield():
            with self._edits_held_if_possible():
                self.refuse_strangers(failure)
                self._put_back(failure)
            trouble = self._serve_again(prover)
            is_bad = isinstance(failure, RolledBack) and self.journal.purpose is Purpose.APPLY
            self._end_back(failure, trouble, held=self.journal.revision if is_bad else "")

    def _end_back(self, failure: BaseException, trouble: str, *, held: str) -> None:
        """The old files are back, and so it has ended; what is still wrong with the service is for a person to know.

        Postfix comes first: where no room is left to record that, it serves all the same, and the next run records it.
        """
        if trouble:
            trouble = f"the old files are back, but {trouble}"
            self.journal = replace(self.journal, notes=(*self.journal.notes, trouble))
        try:
            self._restore_record()
            if held:
                self._quarantine(held, str(failure))
            self._end(Phase.ROLLED_BACK, failure)
        except StateUnusable as unwritable:
            back = trouble or "the old files are back, and Postfix serves as before"
            text = f"{failure}\n{back}; but that cannot be recorded, which the next run tries again:\n{unwritable}"
            raise RollbackFailed(text) from unwritable
        if trouble:
            raise RollbackFailed(f"{failure}\n{trouble}") from failure

    def _restore_record(self) -> None:
        """Where it is the new one; a full disk has no room for what need not be written."""
        old = _bytes(self.entry.old_record)
        if _bytes(self.state.record) != old:
            self.state.replace(old)

    def refuse_strangers(self, failure: BaseException | None) -> None:
        """Raises RollbackFailed, or RecoveryStopped after a crash, where somebody has changed a file since."""
        strange = [it for it in self.journal.passages if self.machine.standing(it) is Standing.STRANGE]
        if not strange:
            return
        paths = ", ".join(it.path for it in strange)
        number = self.journal.number
        text = (
            f"transaction {number} is half done, and {paths} was changed since by somebody else: nothing was touched; "
            f"`reconciler history show {number}` tells what it was about, the old files are in {self.entry.path}/old; "
            f"`reconciler release {number}` takes the files as they stand"
        )
        self._note(replace(self.journal, why=text, reason=RecoveryStopped.reason))
        if failure is None:
            raise RecoveryStopped(text)
        raise RollbackFailed(f"{failure}\n{text}") from failure

    def _put_back(self, failure: BaseException) -> None:
        """In the reverse order: main.cf lets go of a table before the table goes."""
        self._note(replace(self.journal, phase=Phase.ROLLBACK, why=str(failure), reason=_reason(failure)))
        try:
            for number in reversed(range(len(self.journal.passages))):
                passage = self.journal.passages[number]
                if passage.before != passage.after and self.machine.standing(passage) is Standing.NEW:
                    self.machine.restore(self._waiting(passage))
            self.machine.sync(self.journal.passages)
        except (ReconcilerError, OSError) as second:
            text = f"{failure}\nputting the old files back failed too: {second}\nthey are in {self.entry.path}/old"
            raise RollbackFailed(text) from second

    def _waiting(self, passage: Passage) -> Passage:
        """What goes back, waiting aside. One that was staged anew is on record before it is in place.

        A table may have to be made anew, of its old source, whose turn comes later: that waits aside first.
        """
        source = next((it for it in self.journal.passages if passage.path.startswith(f"{it.path}.")), None)
        if source is not None and self.machine.standing(source) is Standing.NEW:
            source = self._waiting(source)
        found = self.machine.waiting(passage, self.entry.copy(passage), self.entry.kept(passage), source)
        if found != passage:
            passages = tuple(found if it.path == passage.path else it for it in self.journal.passages)
            self._note(replace(self.journal, passages=passages))
        return found

    def _serve_again(self, prover: Prover) -> str:
        """The old files in force again; gives what is wrong with that, or nothing.

        A service that master(8) slows down takes a restart: a reload took 56 s to help. A live instance that is down is
        never started: whether it shall run is not for us to say.
        """
        if not self.journal.reload:
            return ""
        if not self.machine.is_running():
            return self._ended()
        prover.mark()
        trouble = _trouble_of(self.machine.reload)
        throttled = prover.is_throttled()
        if throttled:
            trouble = self._restart(prover)
        worse = self._worse(prover)
        if worse and throttled is None and self.machine.is_running():  # no log tells
            trouble = self._restart(prover)
            worse = self._worse(prover)
        if not self.machine.is_running():  # it had read the new files already, and was on its way out
            return self._ended()
        return f"this still fails:\n{_told(worse)}" if worse else trouble

    def _ended(self) -> str:
        start = f"postfix -c {self.journal.config_directory} start"
        return f"Postfix has ended; start it: as its systemd unit where it has one, else `{start}`"

    def _worse(self, prover: Prover) -> tuple[Proof, ...]:
        before = self.journal.before
        return prover.regressions(before, prover.after()) if before else ()

    def _restart(self, prover: Prover) -> str:
        self.progress("restarting, for a service was throttled")
        trouble = _trouble_of(self.machine.restart)
        prover.resume(self.journal.before)
        self.journal = replace(self.journal, notes=(*self.journal.notes, RESTARTED))
        return trouble

    # --- the end

    def _end(self, phase: Phase, failure: BaseException | None) -> None:
        """Clear what waits aside first: a journal that has ended leaves nothing behind."""
        notes = list(self.journal.notes)
        for passage in self.journal.passages:
            notes += self._cleared(passage)
        if phase in (Phase.ABORTED, Phase.ROLLED_BACK):
            self.machine.remove_directories(self.journal.directories)
        else:
            self.machine.remove_directories(self.journal.emptied)
        why = self.journal.why if failure is None else str(failure) or "interrupted"
        reason = self.journal.reason if failure is None else _reason(failure)
        if phase is Phase.DONE:
            why = reason = ""
        ended = replace(self.journal, phase=phase, ended=_now(), why=why, reason=reason, notes=tuple(notes))
        self.write(ended)

    def _cleared(self, passage: Passage) -> Iterator[str]:
        try:
            kept = self.machine.clear(passage, self.entry.kept(passage))
        except ReconcilerError as error:
            yield f"could not be removed: {passage.aside} ({error})"
            return
        if kept:
            yield f"somebody wrote into {passage.path} while it was replaced; their version is kept as {kept}"

    def end(self, phase: Phase, why: str = "") -> None:
        """End without anything more to do: nothing was touched, or all is as it was."""
        self.journal = replace(self.journal, why=why or self.journal.why)
        self._end(phase, None)

    def _quarantine(self, revision: str, why: str) -> None:
        with self._quarantine_written():
            Quarantine(self.state.quarantine).add(Held(revision, why, _now(), self.journal.number))

    @contextmanager
    def _quarantine_written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateUnusable(f"{self.state.quarantine}: cannot be written ({error.strerror})") from error

    def _note(self, journal: Journal) -> None:
        """Write it where that can be done: the way back is gone without a journal too, and needs no space."""
        try:
            self.write(journal)
        except StateUnusable:
            self.journal = journal

    @contextmanager
    def _edits_held_if_possible(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(self.machine.edits_held())
            except Locked:
                self.progress("postconf is at work; going on without its lock")
            yield


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _trouble_of(act: Callable[[], None]) -> str:
    try:
        act()
    except ReconcilerError as error:
        return str(error)
    return ""


def _told(proofs: tuple[Proof, ...]) -> str:
    return "\n".join(f"  {it.name} {it.subject}: {it.observed} (expected: {it.expected})" for it in proofs)


def _reason(failure: BaseException) -> str:
    return failure.reason if isinstance(failure, ReconcilerError) else "Interrupted"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
