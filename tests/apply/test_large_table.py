"""One row of a large table changed: in copies, without a moment in which a reader gets neither the old nor the new."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.apply.transaction import Transaction
from reconciler.errors import Conflict, RolledBack
from reconciler.host.machine import LocalMachine
from reconciler.loop.lean import Rows
from reconciler.loop.look import look, plan_of
from reconciler.model.journal import LINES
from reconciler.model.proof import Outcome, Proof
from reconciler.postfix import table
from reconciler.postfix.table import NOTE
from tests.apply.conftest import Site, Unproven

pytestmark = pytest.mark.postfix

STATE = "enforce: all\noutgoing: {security_level: may, policy_table: 'KIND:tls_policy', policy_files: [policies/large.map]}\n"
OLD = b"".join(b"d%d.a-rather-long-name.example encrypt\n" % number for number in range(30_000)).replace(
    b"d20000.a-rather-long-name.example encrypt", b"d20000.a-rather-long-name.example may"
)
NEW = OLD.replace(b"d15000.a-rather-long-name.example encrypt", b"d15000.a-rather-long-name.example secure").replace(
    b"d20000.a-rather-long-name.example may\n", b"added.example may\n"
)
CHANGED = "d15000.a-rather-long-name.example"


class Large:
    """A host with a table of 30,000 rows, of which two are about to change."""

    def __init__(self, site: Site, kind: str) -> None:
        self.site, self.kind = site, kind
        site.write(STATE.replace("KIND", kind))
        self.map = site.repo / "policies/large.map"
        self.map.parent.mkdir()
        self.map.write_bytes(OLD)
        done = self.apply()
        assert done.returncode == 0, done.stderr
        self.source = Path(site.instance.config_directory, "tls_policy")

    def apply(self):
        return self.site.apply("--skip-canary")

    def rows(self) -> dict[str, str]:
        """What postmap made."""
        lines = self.site.instance.postfix.dump(self.kind, str(self.source)).decode().splitlines()
        return dict(line.split("\t") for line in lines)

    @property
    def transactions(self) -> list[Path]:
        return sorted(self.site.memory.glob("*/transactions/*"))


def rows_of(source: bytes) -> dict[str, str]:
    return {key.decode(): row.value.decode() for key, row in table.parse(source).rows.items()}


@pytest.fixture(params=["hash", "lmdb"])
def large(request: pytest.FixtureRequest, site: Callable[..., Site]) -> Large:
    return Large(site(), request.param)


@contextmanager
def asking(large: Large, key: str) -> Iterator[set[str | None]]:
    """What a lookup gives, again and again until the block ends."""
    answers: set[str | None] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.add(large.site.instance.postfix.query(large.kind, str(large.source), key))

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield answers
    finally:
        stop.set()
        asker.join()


def test_two_rows_change_every_reader_gets_old_or_new_and_only_the_lines_are_kept(large: Large) -> None:
    large.map.write_bytes(NEW)
    with asking(large, CHANGED) as answers:
        done = large.apply()
    assert done.returncode == 0, done.stderr
    assert answers <= {"encrypt", "secure"}
    assert large.source.read_bytes() == NOTE + NEW
    assert large.rows() == rows_of(NEW)
    (kept,) = (path for path in (large.transactions[-1] / "old").iterdir() if path.name != "last-applied.json")
    assert kept.name.endswith(LINES)
    assert kept.stat().st_size < 1000
    record = json.loads(next(large.site.memory.glob("*/last-applied.json")).read_bytes())
    assert not [it for it in record["entries"] if "#" in it]
    again = large.apply()
    assert "No changes" in again.stdout


def test_a_change_of_a_large_table_is_taken_back_by_rollback(large: Large) -> None:
    large.map.write_bytes(NEW)
    assert large.apply().returncode == 0
    done = large.site.run("rollback", "--auto-approve", "--skip-canary")
    assert done.returncode == 0, done.stderr
    assert large.source.read_bytes() == NOTE + OLD
    assert large.rows() == rows_of(OLD)
    large.map.write_bytes(OLD)
    assert "No changes" in large.site.run("plan", "--repo", str(large.site.repo)).stdout


class Worse(Unproven):
    """Something that was served is not served afterwards."""

    def before(self) -> tuple[Proof, ...]:
        return (Proof("banner", "smtp", Outcome.PASSED, "220", "220"),)

    def after(self) -> tuple[Proof, ...]:
        return (Proof("banner", "smtp", Outcome.FAILED, "220", "nothing"),)

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        return after if self.first else ()

    @property
    def first(self) -> bool:
        self.asked = getattr(self, "asked", 0) + 1
        return self.asked == 1


def test_a_failing_proof_puts_the_large_table_back_and_what_postmap_made_of_it(large: Large) -> None:
    large.map.write_bytes(NEW)
    sight = look(large.site.where, rows=Rows.DIFFERING)
    plan = plan_of(sight)
    assert [edit.within is not None for edit in plan.edits] == [True]
    with asking(large, CHANGED) as answers, pytest.raises(RolledBack):
        Transaction(plan, large.site.machine(LocalMachine), sight.state, Worse).execute()
    assert answers <= {"encrypt", "secure"}
    assert large.source.read_bytes() == NOTE + OLD
    assert large.rows() == rows_of(OLD)
    assert not [it for it in large.site.names() if "reconciler" in it]


def test_a_hand_edit_of_a_large_table_is_drift_of_its_row_and_is_healed(large: Large) -> None:
    large.source.write_bytes(
        (NOTE + OLD).replace(b"d7.a-rather-long-name.example encrypt", b"d7.a-rather-long-name.example none")
    )
    shown = large.site.run("plan", "--repo", str(large.site.repo)).stdout
    assert "table/tls_policy#d7.a-rather-long-name.example" in shown
    assert large.apply().returncode == 0
    assert large.source.read_bytes() == NOTE + OLD
    assert large.rows() == rows_of(OLD)


def test_what_somebody_writes_meanwhile_is_a_conflict(large: Large) -> None:
    large.map.write_bytes(NEW)
    sight = look(large.site.where, rows=Rows.DIFFERING)
    theirs = (NOTE + OLD).replace(b"d7.a-rather-long-name.example encrypt", b"d7.a-rather-long-name.example none   ")
    large.source.write_bytes(theirs)
    with pytest.raises(Conflict):
        Transaction(plan_of(sight), large.site.machine(LocalMachine), sight.state, Unproven).execute()
    assert large.source.read_bytes() == theirs
