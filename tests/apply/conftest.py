"""Transactions against a private Postfix: what they are made of, and what an interrupted one may leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.apply.machine import Prover
from reconciler.apply.transaction import Transaction
from reconciler.host.instance import PrivateInstance
from reconciler.host.machine import LocalMachine
from reconciler.loop.look import Sight, look, plan_of
from reconciler.loop.place import Where
from reconciler.loop.recover import recover
from reconciler.model.journal import Journal
from reconciler.model.proof import Proof
from reconciler.verify.around import AroundChange

PROJECT = Path(__file__).parents[2]
STATE = """\
enforce: all
certificates: {default: {chain_files: [tls/mx.pem], until_present: self_signed}}
incoming: {security_level: may, policies: {senders: [bank.example]}}
outgoing: {loglevel: 1, policies: {bank.example: encrypt}}
"""


class Unproven:
    """Nobody proves anything: the steps alone are looked at."""

    def before(self) -> tuple[Proof, ...]:
        return ()

    def resume(self, before: tuple[Proof, ...]) -> None:
        pass

    def mark(self) -> None:
        pass

    def after(self) -> tuple[Proof, ...]:
        return ()

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        return ()

    def is_throttled(self) -> bool | None:
        return False


@dataclass(frozen=True)
class Site:
    """An instance, a state for it, and the memory of the agent."""

    instance: PrivateInstance
    repo: Path
    memory: Path

    @property
    def where(self) -> Where:
        return Where(str(self.repo), self.instance.config_directory, str(self.memory))

    @property
    def main_cf(self) -> Path:
        return Path(self.instance.config_directory, "main.cf")

    def write(self, state: str) -> None:
        path = self.repo / f"hosts/{self.instance.name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(state)

    def look(self) -> Sight:
        return look(self.where)

    def machine(self, kind: type[LocalMachine] = LocalMachine) -> LocalMachine:
        return kind(self.instance.config_directory, self.instance.queue_directory, "127.0.0.1")

    def transaction(self, kind: type[LocalMachine] = LocalMachine, prover: Prover | None = None) -> Transaction:
        sight = self.look()
        return Transaction(plan_of(sight), self.machine(kind), sight.state, lambda: prover or Unproven())

    def breaking(self, replacement: bytes) -> Transaction:
        """A transaction whose main.cf is, once it is committed, one that the checks have not seen: the proofs have to."""
        transaction = self.transaction(prover=AroundChange(self.look().live, self.machine()))
        stage = transaction.machine.stage

        def stage_something_else(path, content, like, *, mode):
            return stage(path, content + replacement if path.endswith("main.cf") else content, like, mode=mode)

        transaction.machine.stage = stage_something_else  # type: ignore[method-assign]
        return transaction

    def contents(self) -> dict[str, bytes]:
        """Every file below the configuration directory; what waits aside or was left over would be among them."""
        root = Path(self.instance.config_directory)
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def names(self) -> list[str]:
        """Everything below the configuration directory, and what the queue's `public` has of ours."""
        root, public = Path(self.instance.config_directory), Path(self.instance.queue_directory, "public")
        ours = [f"public/{path.name}" for path in public.glob("reconciler-*")]
        return sorted([str(path.relative_to(root)) for path in root.rglob("*")] + ours)

    def apply(self, *more: str, before: tuple[str, ...] = (), timeout: float = 120) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*before, *self.command(*more)],
            cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert "fault of reconciler" not in done.stderr
        return done

    def command(self, *more: str) -> list[str]:
        return [*self.reconciler("apply"), "--repo", str(self.repo), "--auto-approve", *more]

    def reconciler(self, command: str) -> list[str]:
        where = ["-c", self.instance.config_directory, "--state-dir", str(self.memory)]
        return [sys.executable, "-m", "reconciler", command, *where]

    def run(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Any other command on this instance."""
        done = subprocess.run(
            [*self.reconciler(command), *more],
            cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert "fault of reconciler" not in done.stderr
        return done

    def recover(self) -> Journal | None:
        return recover(self.where)

    def serves(self) -> None:
        assert self.instance.wait_for_banner(self.instance.smtpd_port).startswith("220")


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


@pytest.fixture
def site(instances: Callable[..., PrivateInstance], tmp_path: Path) -> Callable[..., Site]:
    """`site(state)` gives a running instance with a host file that says `state`."""

    def make(state: str = STATE, **options: object) -> Site:
        made = Site(instances("mx1.test", **options), tmp_path / "state", tmp_path / "memory")
        made.write(state)
        return made

    return make
