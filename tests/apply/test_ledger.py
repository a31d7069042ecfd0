"""What is remembered of the past is bounded, and the newest is never forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.apply import ledger
from reconciler.apply.ledger import Ledger
from reconciler.errors import StateUnusable, UsageError
from reconciler.model.journal import Journal, Phase, Purpose


def ended(place: Ledger, phase: Phase, copies: int = 0) -> int:
    entry = place.begin()
    journal = Journal(
        entry.number, phase, Purpose.APPLY, "mx1.test", "", "/etc/postfix", "/var/spool/postfix", "r", "o", "d", "1", "now", told=True
    )  # fmt: skip
    entry.write(journal, lasting=False)
    (entry.path / "old/01-table").write_bytes(b"x" * copies)
    return entry.number


@pytest.fixture
def place(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "transactions")


def numbers(place: Ledger) -> list[int]:
    return [journal.number for _, journal in place.journals()]


def test_transactions_are_counted_and_the_count_goes_on(place: Ledger) -> None:
    assert [ended(place, Phase.DONE) for _ in range(3)] == [1, 2, 3]
    assert numbers(place) == [3, 2, 1]
    assert place.unfinished() is None


def test_refused_ones_are_forgotten_before_those_that_changed_something(place: Ledger) -> None:
    for number in range(80):
        ended(place, Phase.ABORTED if number % 2 else Phase.DONE)
    place.prune()
    kept = [journal.phase for _, journal in place.journals()]
    assert (kept.count(Phase.ABORTED), kept.count(Phase.DONE)) == (10, 40)


def test_the_weight_of_the_copies_is_bounded_and_the_newest_keeps_its_own(place: Ledger, monkeypatch) -> None:
    monkeypatch.setattr(ledger, "_COPIES_LIMIT", 250)
    for _ in range(4):
        ended(place, Phase.DONE, copies=100)
    place.prune()
    assert numbers(place) == [4, 3]
    ended(place, Phase.DONE, copies=1000)
    place.prune()
    assert numbers(place) == [5]


def test_a_torn_journal_is_none_and_one_of_a_later_version_is_refused(place: Ledger) -> None:
    entry = place.begin()
    journal = entry.path / "journal.json"
    journal.write_bytes(b'{"format_version": "1.0", "tra')
    assert place.unfinished() == entry
    assert entry.read() is None
    journal.write_bytes(b'{"format_version": "2.0"}')
    with pytest.raises(StateUnusable, match=r"format_version is 2\.0; this program reads 1\.0"):
        place.unfinished()
    with pytest.raises(UsageError):
        place.get(7)
