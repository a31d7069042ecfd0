"""How an instance stands, from what lies in its state directory and from the host; no agent need be running."""

from __future__ import annotations

import fcntl
import os
import posixpath
from datetime import UTC, datetime
from pathlib import Path

from reconciler import live
from reconciler.apply.quarantine import Quarantine
from reconciler.apply.state import StateDirectory
from reconciler.errors import CommandFailed, HostUnreadable
from reconciler.host import snapshot
from reconciler.live import LiveConfig
from reconciler.loop import holds, passed
from reconciler.loop.passed import Passed
from reconciler.loop.place import Where
from reconciler.loop.recover import memory_of
from reconciler.model.applied import LastApplied
from reconciler.model.event import APPLY_FAILED, APPLY_FINISHED, Event
from reconciler.model.standing import ServedCertificate, Standing
from reconciler.postfix.values import split_list
from reconciler.record.recorder import Recorder

_CHAINS = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file")


def standing(where: Where, freeze_file: str = "") -> Standing:
    """Read it all; nothing is written.

    Raises StateUnusable, HostUnreadable where the state directory cannot be read.
    """
    state = memory_of(where)
    directory = posixpath.abspath(where.config_directory)
    last = state.read(directory)
    recorder = Recorder(state.path)
    config = _config(directory, state)
    now = datetime.now(UTC)
    events = list(recorder.outbox.read())
    came = passed.recall(state.path)
    return Standing(
        host=where.host or (config.view.get("myhostname") if config else ""),
        instance=state.instance,
        config_directory=directory,
        now=now,
        revision=last.revision,
        last_look=came.at if came else "",
        last_apply=_at(events, APPLY_FINISHED),
        result=_result(came, events),
        parts=came.parts if came and came.parts else _parts(last),
        incidents=recorder.open,
        paused=_paused(state, now),
        frozen=next((it.text for it in holds.frozen(freeze_file)), ""),
        quarantined=tuple(held.revision for held in Quarantine(state.quarantine).entries()),
        agent=_is_locked(state.path / "agent.lock"),
        running=config.snapshot.master_pid is not None if config else None,
        certificates=_certificates(config) if config else (),
        waiting=recorder.outbox.size,
    )


def _config(directory: str, state: StateDirectory) -> LiveConfig | None:
    """The live configuration; None where it cannot be read: then that is not what is asked."""
    seen = state.newest()
    known = seen.pems if seen else {}  # an agent that idles need not load what parses certificates
    try:
        config = live.read(snapshot.take(directory, now=datetime.now(UTC)))
        named = [path for name in _CHAINS for path in split_list(config.view.get(name)) if path.lower() != "none"]
        pems = [config.path(path) for path in named]
        return live.read(snapshot.extend(config.snapshot, pems=pems, known=known))
    except (HostUnreadable, CommandFailed):
        return None


def _certificates(config: LiveConfig) -> tuple[ServedCertificate, ...]:
    leaves = ((path, pem.certificates[0]) for path, pem in config.snapshot.pems.items() if pem.certificates)
    return tuple(ServedCertificate(path, leaf.names or (leaf.subject,), leaf.not_after) for path, leaf in leaves)


def _parts(last: LastApplied) -> dict[str, str]:
    """Where no agent has run: the parts of which something was applied."""
    return dict.fromkeys(sorted({entry.part for entry in last.entries.values() if entry.part}), passed.ENFORCED)


def _paused(state: StateDirectory, now: datetime) -> str:
    said = holds.read_pause(state)
    if said is None or said.is_over(now):
        return ""
    end = f" until {said.until.isoformat(timespec='minutes')}" if said.until else ""
    return f"by {said.by}{end}: {said.reason}"


def _is_locked(path: Path) -> bool:
    """Whether an agent holds its lock; the file is not made."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _at(events: list[Event], name: str) -> str:
    return next((event.at for event in reversed(events) if event.name == name), "")


def _result(passed: Passed | None, events: list[Event]) -> str:
    """The word for what came of the last pass, or of the last apply where no agent runs."""
    if passed is not None:
        return passed.result
    for event in reversed(events):
        if event.name == APPLY_FINISHED:
            return "Applied"
        if event.name == APPLY_FAILED:
            return event.text("reason")
    return ""
