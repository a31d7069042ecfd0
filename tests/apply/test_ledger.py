"""What is remembered of the past is bounded, and the newest is never forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.apply import ledger
from reconciler.apply.ledger import Ledger
from reconciler.errors import JournalDamaged, StateUnusable, UsageError
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


@pytest.mark.parametrize("content", [b"", bytes(4096), b'{"format_version": "1.0", "tra'])
def test_a_first_journal_that_a_loss_of_power_tore_is_none(place: Ledger, content: bytes) -> None:
    entry = place.begin()
    (entry.path / "journal.json").write_bytes(content)
    assert place.unfinished() == entry
    assert entry.read() is None
    with pytest.raises(UsageError):
        place.get(7)


def test_a_journal_of_a_later_version_is_refused(place: Ledger) -> None:
    (place.begin().path / "journal.json").write_bytes(b'{"format_version": "2.0"}')
    with pytest.raises(StateUnusable, match=r"format_version is 2\.0; this program reads 1\.0"):
        place.unfinished()
    assert ended(place, Phase.DONE) == 2
    assert (numbers(place), list(place.illegible())) == ([2], [1]), "the others can be looked at all the same"
    place.prune()
    assert list(place.illegible()) == [1]


@pytest.mark.parametrize(
    "content",
    [b'{"format_version": "1.0", "tra', b"[]", b'{"format_version": "1.1", "transaction": {"phase": "settled"}}'],
)
def test_a_journal_that_was_whole_once_is_never_taken_for_none(place: Ledger, content: bytes) -> None:
    """Live files may be half way: to forget it, and the copies of the old ones with it, would leave them there."""
    entry = place._entry(ended(place, Phase.COMMITTING))
    entry.new_record.write_bytes(b"{}")
    (entry.path / "journal.json").write_bytes(content)
    for ask in (place.unfinished, entry.read, lambda: place.get(1)):
        with pytest.raises(
            JournalDamaged, match=r"nothing was touched: the files .* are in .*/000001/old, .*release 1`"
        ):
            ask()
    assert (numbers(place), list(place.illegible()), place.cut_off()) == ([], [1], 1)
    place.prune()
    assert (place.set_aside(1) / "old/01-table").exists()
    assert list(place.illegible()) == []
    assert place.unfinished() is None
    assert ended(place, Phase.DONE) == 2, "its number is not given again"
