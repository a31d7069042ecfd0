"""The transaction against a real instance: what it records, and what an interrupt at any step leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.apply.transaction import Transaction
from reconciler.errors import Conflict
from reconciler.host.machine import LocalMachine
from reconciler.loop.carry_out import apply
from reconciler.loop.look import plan_of
from reconciler.model.journal import Passage, Phase
from tests.apply.conftest import STATE, Site, Unproven

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]


class Interrupted(KeyboardInterrupt):
    """What Ctrl-C and SIGTERM raise."""


class InterruptedMachine(LocalMachine):
    """A real machine on which the n-th swap is followed by an interrupt."""

    swaps_left = 0

    def carry(self, passage: Passage) -> None:
        super().carry(passage)
        self.swaps_left -= 1
        if self.swaps_left == 0:
            raise Interrupted


@pytest.mark.parametrize("step", range(1, 7))
def test_an_interrupt_after_any_swap_puts_everything_back(site: Make, step: int) -> None:
    mx = site()
    contents, names = mx.contents(), mx.names()
    transaction = mx.transaction(InterruptedMachine)
    assert isinstance(transaction.machine, InterruptedMachine)
    transaction.machine.swaps_left = step
    with pytest.raises(Interrupted):
        transaction.execute()
    assert (mx.contents(), mx.names()) == (contents, names)
    assert not transaction.state.record.exists()
    assert transaction.course.journal.phase is Phase.ROLLED_BACK
    mx.serves()


def test_a_file_changed_since_the_plan_is_a_conflict_and_nothing_is_written(site: Make) -> None:
    mx = site()
    transaction = mx.transaction()
    mx.instance.configure(mail_name="Somebody")
    before = mx.contents()
    with pytest.raises(Conflict, match="has changed since the plan was made; plan again"):
        transaction.execute()
    assert mx.contents() == before


def test_the_record_says_what_was_written_and_what_stood_there(site: Make) -> None:
    mx = site(main_cf_extra="smtp_tls_loglevel = 3\n")
    sight = mx.look()
    mx.transaction().execute()
    record = {
        str(where): (it.written, it.adopted)
        for where, it in sight.state.read(mx.instance.config_directory).entries.items()
    }
    assert record["main.cf/smtp_tls_loglevel"] == ("1", "3")
    assert record["table/tls_policy#bank.example"] == ("encrypt", None)
    assert sight.state.record.stat().st_mode & 0o777 == 0o600
    assert sight.state.path.stat().st_mode & 0o777 == 0o700
    assert datetime.now(UTC) > sight.live.snapshot.now


def test_the_journal_tells_the_whole_transaction_and_only_we_may_read_it(site: Make) -> None:
    mx = site()
    transaction = mx.transaction()
    old = mx.main_cf.read_bytes()
    receipt = transaction.execute()
    entry, journal = transaction.state.ledger.get(receipt.transaction)
    names = [Path(it.path).name for it in journal.passages]
    assert journal.phase is Phase.DONE
    assert names[-2:] == ["master.cf", "main.cf"] or names[-1:] == ["main.cf"]
    assert {"mx.pem", "tls_policy", "tls_policy.db"} <= set(names)
    assert Path(entry.copy(journal.passages[-1])).read_bytes() == old
    assert "+smtp_tls_loglevel = 1" in entry.diff.read_text()
    assert "+(masked)" in entry.diff.read_text()
    assert "PRIVATE KEY" not in entry.diff.read_text()
    for path in entry.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_nothing_waits_aside_once_it_is_done(site: Make) -> None:
    mx = site()
    mx.transaction().execute()
    assert [name for name in mx.names() if "reconciler" in name or name.endswith(".tmp")] == []


def test_a_plan_is_refused_where_another_apply_has_written_the_record_since(site: Make) -> None:
    """It would be overwritten by one made before it: what stood at an address before its adoption would be lost."""
    mx = site()
    assert mx.apply().returncode == 0
    mx.write(STATE.replace("loglevel: 1", "loglevel: 2"))
    sight = mx.look()
    mx.write(STATE.replace("bank.example: encrypt", "bank.example: encrypt, b.example: may"))
    assert mx.apply().returncode == 0
    before, record = mx.contents(), sight.state.record.read_bytes()
    with pytest.raises(Conflict, match="another apply has been here since the plan was made"):
        apply(sight, plan_of(sight), skip_canary=True)
    assert (mx.contents(), sight.state.record.read_bytes()) == (before, record)


def test_a_host_that_is_as_it_shall_be_is_not_adopted_over_an_apply_that_came_between(site: Make) -> None:
    mx = site()
    assert mx.apply().returncode == 0
    mx.write(f"{STATE}# another revision of the same\n")
    sight = mx.look()
    assert plan_of(sight).is_empty
    mx.write(STATE.replace("bank.example: encrypt", "bank.example: encrypt, b.example: may"))
    assert mx.apply().returncode == 0
    record = sight.state.record.read_bytes()
    with pytest.raises(Conflict, match="another apply has been here since"):
        apply(sight, plan_of(sight))
    assert sight.state.record.read_bytes() == record


def test_a_plan_is_refused_where_another_apply_was_interrupted_since(site: Make) -> None:
    """The last transaction is the only one that recovery ends: begun after it, this one would hide it."""
    mx = site()
    sight = mx.look()
    done = mx.apply(
        "--skip-canary", before=("strace", "-qq", "-o", "/dev/null", "-e", "inject=renameat2:signal=KILL:when=2")
    )
    assert done.returncode != 0
    before = mx.contents()
    with pytest.raises(Conflict, match="transaction 1 was interrupted since the plan was made"):
        Transaction(plan_of(sight), mx.machine(), sight.state, Unproven).execute()
    assert mx.contents() == before
    assert mx.apply("--skip-canary").returncode == 0
