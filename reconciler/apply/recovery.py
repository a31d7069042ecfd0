"""A transaction that a crash interrupted, brought to one of its ends before anything else is done.

| the journal says | and the files are | what is done |
|---|---|---|
| staging, or nothing readable | old | what waits aside is removed |
| prepared | old | the same |
| prepared, committing | new, or old with the next version waiting | forward: swap the rest, then as applied |
| prepared, committing | otherwise | back |
| applied | new | reload, probe; done, or back |
| applied | old, or some of each | back |
| rollback | new or old | back |
| any of these | neither old nor new | stop, report, touch nothing |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.apply.course import Course, Progress
from reconciler.apply.ledger import Entry
from reconciler.apply.machine import Machine, Prover
from reconciler.apply.shield import shield
from reconciler.apply.state import StateDirectory
from reconciler.errors import Conflict, ReconcilerError, RollbackFailed, RolledBack
from reconciler.frozen import replace
from reconciler.model.journal import Journal, Phase, Standing

_INTERRUPTED = "interrupted before any live file was touched"
_BACK = "interrupted half-way, and put back"


class Interrupted(ReconcilerError):
    """A run that did not come to its end."""

    reason = "Interrupted"


@dataclass
class Recovery:
    """`machine` and `prover` are made for what the journal names, the prover once the files are whole again."""

    state: StateDirectory
    machine: Callable[[Journal], Machine]
    prover: Callable[[Journal, Machine], Prover]
    progress: Progress = lambda _: None

    def recover(self) -> Journal | None:
        """End the last transaction; gives its journal where no event tells its end yet, else None.

        Raises Locked, RecoveryStopped with nothing touched, RollbackFailed.
        """
        if self.state.ledger.unfinished() is None:
            return None
        with self.state.lock():
            entry = self.state.ledger.unfinished()
            if entry is None:
                return None
            journal = entry.read()
            if journal is None:
                entry.remove()
                return None
            if journal.phase.is_end:
                return journal
            with shield():  # files are between two states already: to end in the middle would leave them there
                return self._ended(entry, journal)

    def _ended(self, entry: Entry, journal: Journal) -> Journal:
        self.progress(f"recovering transaction {journal.number}")
        machine = self.machine(journal)
        machine.sweep()
        course = Course(entry, journal, machine, self.state, self.progress)
        if journal.phase is Phase.STAGING:
            course.end(Phase.ABORTED, _INTERRUPTED)
            return course.journal
        course.refuse_strangers(None)
        standing = {it.path: machine.standing(it) for it in journal.passages}
        if journal.phase is Phase.PREPARED and Standing.NEW not in standing.values():
            course.end(Phase.ABORTED, _INTERRUPTED)
        elif journal.phase is not Phase.ROLLBACK and self._is_complete(course):
            self._forward(course)
        else:
            self._back(course)
        return course.journal

    def _is_complete(self, course: Course) -> bool:
        """Whether every file is in place, or waits aside whole. Once applied, nothing waits any more."""
        machine = course.machine
        for passage in course.journal.passages:
            if machine.standing(passage) is Standing.NEW:
                continue
            if course.journal.phase is Phase.APPLIED:
                return False
            if passage.after is not None and machine.fingerprint(passage.aside) != passage.after:
                return False
        return True

    def _forward(self, course: Course) -> None:
        if course.journal.phase is not Phase.APPLIED:
            try:
                course.commit()
            except Conflict:
                if course.journal.phase.is_end:
                    return
                raise
        prover = self.prover(course.journal, course.machine)
        prover.resume(course.journal.before)
        try:
            course.prove(prover)
        except BaseException as failure:
            course.unwind(prover, failure)
            if not isinstance(failure, RolledBack):
                raise

    def _back(self, course: Course) -> None:
        why = course.journal.why or _BACK
        prover = self.prover(course.journal, course.machine)
        prover.resume(course.journal.before)
        failure = Interrupted(why) if course.journal.reason != RolledBack.reason else RolledBack(why)
        course.journal = replace(course.journal, phase=Phase.ROLLBACK)
        try:
            course.roll_back(prover, failure)
        except RollbackFailed:  # it has ended all the same: what is wrong with the service stands in its notes
            if not course.journal.phase.is_end:
                raise
