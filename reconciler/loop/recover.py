"""Before a pass: the transaction that a crash interrupted is brought to its end, whatever git says meanwhile."""

from __future__ import annotations

import posixpath
from contextlib import suppress
from datetime import UTC, datetime

from reconciler import live
from reconciler.apply.course import Progress
from reconciler.apply.machine import Machine, Prover
from reconciler.apply.recovery import Recovery
from reconciler.apply.state import StateDirectory
from reconciler.errors import HostUnreadable
from reconciler.frozen import replace
from reconciler.host import files, snapshot
from reconciler.host.machine import LocalMachine
from reconciler.live import LiveConfig
from reconciler.loop.place import Where, memory
from reconciler.model.journal import Journal
from reconciler.postfix import main_cf
from reconciler.postfix.effective import View
from reconciler.record.events import EventLog


def recover(where: Where, progress: Progress = lambda _: None) -> Journal | None:
    """End what was begun, and record how; gives its journal, None where there was nothing to do.

    Raises Locked, RecoveryStopped, RollbackFailed.
    """
    state = memory_of(where)
    journal = Recovery(state, machine_of, _prover, progress).recover()
    if journal is not None:
        _record(state, journal)
    return journal


def memory_of(where: Where) -> StateDirectory:
    """Where this program remembers the instance, by its main.cf alone: git and Postfix are not asked.

    Raises HostUnreadable where that says nothing any more, and it may have had another name than its directory.
    """
    main = files.read(f"{posixpath.abspath(where.config_directory)}/main.cf")
    parameters = main_cf.parse(main.content).parameters if main else {}
    if not parameters and not where.instance:
        _refuse_to_guess(where)
    explicit = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in parameters.items()}
    return memory(where, View(explicit, {}).get("multi_instance_name"))


def _refuse_to_guess(where: Where) -> None:
    own = memory(where, "").path
    others = sorted(it.name for it in own.parent.glob("*/") if it.is_dir()) if own.parent.is_dir() else []
    if others and own.name not in others:
        raise HostUnreadable(
            f"{posixpath.abspath(where.config_directory)}/main.cf: missing or empty; is this the configuration "
            f"directory of a Postfix? Then say which instance it was, with --instance: {', '.join(others)}"
        )


def machine_of(journal: Journal) -> LocalMachine:
    """The machine that a journal is about."""
    return LocalMachine(journal.config_directory, journal.queue_directory, "")


def _prover(journal: Journal, machine: Machine) -> Prover:
    return prover_of(live.read(snapshot.take(journal.config_directory, now=datetime.now(UTC))), machine)


def prover_of(config: LiveConfig, machine: Machine) -> Prover:
    """What proves a change of this instance."""
    from reconciler.verify.around import AroundChange  # noqa: PLC0415 - loaded while Postfix's programs are at work

    return AroundChange(config, machine)


def _record(state: StateDirectory, journal: Journal) -> None:
    """The event that the interrupted run could not write, unless it did and died before it could say so."""
    log = EventLog(state.path / "events.jsonl")
    log.recovered(journal, datetime.now(UTC))
    told(state, journal)


def told(state: StateDirectory, journal: Journal) -> None:
    """The end of this transaction stands in an event: nothing of it is left to do."""
    entry = state.ledger.last()
    if entry and entry.number == journal.number and journal.phase.is_end and not journal.told:
        with suppress(OSError):  # then it is told once more
            entry.write(replace(journal, told=True), lasting=False)
