"""One mutation through the transaction, up to the moment before the first live file would be touched."""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler import live
from reconciler.apply.state import StateDirectory
from reconciler.apply.transaction import Transaction
from reconciler.errors import ReconcilerError
from reconciler.host import snapshot
from reconciler.host.machine import LocalMachine
from reconciler.loop.trial import InCanary
from reconciler.model.address import FileAddress
from reconciler.model.candidate import Candidate
from reconciler.model.plan import BuildTable, Change, Disruption, Edit, Plan, Reason, Reload, Why
from reconciler.model.proof import Proof
from reconciler.model.verdict import Verdict
from tests.mutations.cases import Mutation
from tests.mutations.site import Site

_PORT = re.compile(r"another program listens|cannot be resolved|cannot be listened on|no such port|listens there too")


class Passed(ReconcilerError):
    """The mutation would go live now."""


@dataclass
class Trial:
    """The real one; what has passed goes no further."""

    real: InCanary
    verdicts: list[Verdict] = field(default_factory=list)

    def try_out(self, candidate: Candidate, proven: frozenset[str]) -> Verdict:
        self.verdicts.append(self.real.try_out(candidate, proven))
        if self.verdicts[-1].passed:
            raise Passed
        return self.verdicts[-1]


class Unproven:
    """Nothing goes live, so there is nothing to prove."""

    def before(self) -> tuple[Proof, ...]:
        return ()

    def resume(self, before: tuple[Proof, ...]) -> None:
        """Nothing."""

    def mark(self) -> None:
        """Nothing."""

    def after(self) -> tuple[Proof, ...]:
        return ()

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        return ()

    def is_throttled(self) -> bool | None:
        return None


@dataclass(frozen=True)
class Outcome:
    """`step` is what stopped it, empty where it passed. `canary_s` is 0 where it did not come that far."""

    step: str
    why: str
    duration_s: float
    canary_s: float
    steps: tuple[tuple[str, float], ...] = ()


class Session:
    """A client that stays connected through everything, as a large message would."""

    def __init__(self, site: Site) -> None:
        self.line = socket.create_connection(("127.0.0.1", site.instance.smtpd_port), 30)
        self.reader = self.line.makefile("rb")
        self._reply()
        self._ask(b"EHLO long.example")

    def is_alive(self) -> bool:
        return self._ask(b"RSET")

    def close(self) -> None:
        with suppress(OSError):
            self._ask(b"QUIT")
        self.reader.close()
        self.line.close()

    def _ask(self, command: bytes) -> bool:
        self.line.sendall(command + b"\r\n")
        return self._reply()

    def _reply(self) -> bool:
        line = self.reader.readline()
        while line[3:4] == b"-":
            line = self.reader.readline()
        return line.startswith(b"2")


def plan_of(site: Site, mutation: Mutation) -> Plan:
    """As the planner would hand it over, but for what it would refuse before."""
    edits = []
    for name, after in mutation.files(site).items():
        path = Path(site.etc, name)
        before = path.read_bytes() if path.exists() else None
        edits.append(Edit(str(path), before, after, private=b"PRIVATE KEY" in (after or b"")))
    tables = [
        BuildTable(kind, f"{site.etc}/{name}", "mutated", name == "sni") for name, kind in mutation.tables.items()
    ]
    change = Change(FileAddress("mutation"), None, mutation.name, Why.INTENTIONAL, Reason.DECLARED, Disruption.RELOAD)
    now = datetime.now(UTC).isoformat()
    return Plan(
        site.instance.name, "", site.etc, "", mutation.name, "mutation", now, "", (change,),
        actions=(*tables, Reload("mutated")), edits=tuple(edits),
    )  # fmt: skip


def run(site: Site, mutation: Mutation, memory: Path) -> Outcome:
    """Nothing of it is live afterwards, whatever it is."""
    config = live.read(snapshot.take(site.etc, now=datetime.now(UTC)))
    machine = LocalMachine(site.etc, site.instance.queue_directory, config.view.get("inet_interfaces"))
    trial = Trial(InCanary(config))
    state = StateDirectory(str(memory), "mutations")
    started = time.monotonic()
    step, why = "", ""
    try:
        Transaction(plan_of(site, mutation), machine, state, Unproven, trial=trial).execute()
    except Passed:
        pass
    except ReconcilerError as error:
        step, why = _step(str(error), trial), str(error)
    canary = trial.verdicts[0].duration_s if trial.verdicts and trial.verdicts[0].started else 0.0
    steps = trial.verdicts[0].steps if trial.verdicts else ()
    return Outcome(step, why, time.monotonic() - started, canary, steps)


def _step(text: str, trial: Trial) -> str:
    if not trial.verdicts:
        return "port" if _PORT.search(text) else "postfix check"
    if "unreadable" in text:
        return "parse"
    return "canary" if trial.verdicts[0].started else "static"
