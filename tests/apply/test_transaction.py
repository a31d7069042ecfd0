"""The transaction against a real instance, interrupted at each of its steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.transaction import Transaction
from reconciler.errors import Conflict
from reconciler.host.instance import PrivateInstance
from reconciler.host.machine import LocalMachine
from reconciler.loop.look import Where, look, plan_of
from reconciler.model.proof import Proof

pytestmark = pytest.mark.postfix
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

    def after(self) -> tuple[Proof, ...]:
        return ()

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        return ()


class Interrupted(KeyboardInterrupt):
    """What Ctrl-C and SIGTERM raise."""


class InterruptedMachine(LocalMachine):
    """A real machine on which the n-th commit is followed by an interrupt."""

    commits_left = 0

    def commit(self, staged: str, path: str, expected: Any) -> None:
        super().commit(staged, path, expected)
        self.commits_left -= 1
        if self.commits_left == 0:
            raise Interrupted


def prepared(instance: PrivateInstance, tmp_path: Path) -> Any:
    (tmp_path / "state/hosts").mkdir(parents=True)
    (tmp_path / f"state/hosts/{instance.name}.yaml").write_text(STATE)
    return look(Where(str(tmp_path / "state"), instance.config_directory, str(tmp_path / "memory")))


def machine(kind: type[LocalMachine], instance: PrivateInstance) -> Any:
    return kind(instance.config_directory, instance.queue_directory, "127.0.0.1")


def contents(instance: PrivateInstance) -> dict[str, bytes]:
    root = Path(instance.config_directory)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", range(1, 7))
def test_an_interrupt_after_any_commit_puts_everything_back(
    instances: Callable[..., PrivateInstance], tmp_path: Path, step: int
) -> None:
    instance = instances("mx1.test")
    sight = prepared(instance, tmp_path)
    before = contents(instance)
    interrupted = machine(InterruptedMachine, instance)
    interrupted.commits_left = step
    with pytest.raises(Interrupted):
        Transaction(plan_of(sight), interrupted, sight.state, Unproven()).execute()
    assert contents(instance) == before
    assert not sight.state.record.exists()
    assert instance.wait_for_banner(instance.smtpd_port).startswith("220")


def test_a_file_changed_since_the_plan_is_a_conflict_and_nothing_is_written(
    instances: Callable[..., PrivateInstance], tmp_path: Path
) -> None:
    instance = instances("mx1.test")
    sight = prepared(instance, tmp_path)
    made = plan_of(sight)
    instance.configure(mail_name="Somebody")
    before = contents(instance)
    with pytest.raises(Conflict, match="has changed since the plan was made; plan again"):
        Transaction(made, machine(LocalMachine, instance), sight.state, Unproven()).execute()
    assert contents(instance) == before


def test_the_record_says_what_was_written_and_what_stood_there(
    instances: Callable[..., PrivateInstance], tmp_path: Path
) -> None:
    instance = instances("mx1.test", main_cf_extra="smtp_tls_loglevel = 3\n")
    sight = prepared(instance, tmp_path)
    Transaction(plan_of(sight), machine(LocalMachine, instance), sight.state, Unproven()).execute()
    record = {
        str(where): (it.written, it.adopted)
        for where, it in sight.state.read(instance.config_directory).entries.items()
    }
    assert record["main.cf/smtp_tls_loglevel"] == ("1", "3")
    assert record["table/tls_policy#bank.example"] == ("encrypt", None)
    assert sight.state.record.stat().st_mode & 0o777 == 0o600
    assert sight.state.path.stat().st_mode & 0o777 == 0o700
    assert datetime.now(UTC) > sight.live.snapshot.now
