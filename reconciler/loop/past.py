"""What was done to an instance, and the way back from it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from reconciler import live
from reconciler.apply.course import Course, Progress
from reconciler.apply.quarantine import Held, Quarantine
from reconciler.apply.state import Mark, StateDirectory
from reconciler.apply.transaction import Transaction
from reconciler.apply.way_back import WayBack, way_back
from reconciler.errors import JournalDamaged, StateUnusable, UsageError
from reconciler.frozen import dataclass
from reconciler.host import snapshot
from reconciler.host.machine import LocalMachine
from reconciler.live import LiveConfig
from reconciler.loop.carry_out import carried_out
from reconciler.loop.place import Where
from reconciler.loop.recover import machine_of, memory_of, prover_of
from reconciler.loop.trial import InCanary
from reconciler.model.journal import Journal, Phase, Purpose
from reconciler.model.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Return:
    """A way back that was looked for, and where it would be gone."""

    way: WayBack
    live: LiveConfig
    machine: LocalMachine
    state: StateDirectory
    recorded: Mark


def transactions(where: Where) -> list[Journal]:
    """Those that are remembered, newest first."""
    return [journal for _, journal in memory_of(where).ledger.journals()]


def illegible(where: Where) -> list[int]:
    """The IDs of those whose journals cannot be read, newest first."""
    return list(memory_of(where).ledger.illegible())


def transaction(where: Where, number: int) -> tuple[Journal, str]:
    """One of them, and its difference.

    Raises UsageError where there is none of that number.
    """
    entry, journal = memory_of(where).ledger.get(number)
    try:
        return journal, entry.diff.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # it never came that far
        return journal, ""


def look_back(where: Where, number: int | None) -> Return:
    """The plan to the state before a transaction; None is the last that changed something.

    Raises UsageError, Conflict.
    """
    state = memory_of(where)
    now = datetime.now(UTC)
    config = live.read(snapshot.take(where.config_directory, now=now))
    view = config.view
    machine = LocalMachine(config.snapshot.config_directory, view.get("queue_directory"), view.get("inet_interfaces"))
    recorded = state.mark
    way = way_back(state, machine, number, mail_version=config.snapshot.mail_version, now=now.isoformat())
    return Return(way, config, machine, state, recorded)


def go_back(found: Return, progress: Progress = lambda _: None, *, skip_canary: bool = False) -> Receipt:
    """Carry it out as a transaction of its own; afterwards the revision is applied only once a person releases it.

    Raises what an apply raises.
    """
    work = Transaction(
        found.way.plan,
        found.machine,
        found.state,
        partial(prover_of, found.live, found.machine),
        progress,
        purpose=Purpose.ROLLBACK,
        undoes=found.way.journal,
        quarantines=found.way.quarantines,
        trial=InCanary(found.live, progress),
        skips_trial=skip_canary,
        recorded=found.recorded,
    )
    return carried_out(work)


def quarantined(where: Where) -> tuple[Held, ...]:
    """The revisions that are not applied by themselves."""
    return Quarantine(memory_of(where).quarantine).entries()


def release(where: Where, revision: str = "") -> tuple[Held, ...]:
    """Let these revisions be applied again: all of them, or those that begin with `revision`.

    Raises UsageError where none does.
    """
    out = Quarantine(memory_of(where).quarantine).release(revision)
    if revision and not out:
        raise UsageError(f"{revision}: no such revision is quarantined; `reconciler release --list` lists them")
    return out


def accept(where: Where, number: int) -> str:
    """Take the files as they stand for the end of a transaction that recovery could not end; gives how, in words.

    Raises UsageError where it has ended, Locked, StateUnusable.
    """
    state = memory_of(where)
    with state.lock():
        try:
            entry, journal = state.ledger.get(number)
        except JournalDamaged:
            return f"set aside, as {_set_aside(state, number)}"
        if journal.phase.is_end:
            raise UsageError(f"transaction {number} has ended ({journal.phase.value}); there is nothing to release")
        course = Course(entry, journal, machine_of(journal), state)
        course.end(Phase.RELEASED)
        return "ended"


def _set_aside(state: StateDirectory, number: int) -> str:
    try:
        return str(state.ledger.set_aside(number))
    except OSError as error:
        raise StateUnusable(f"{state.path}: cannot be written ({error.strerror})") from error
