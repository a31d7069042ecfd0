"""The journals of an instance, one directory a transaction: STATE_DIR/<instance>/transactions/<ID>.

journal.json        what it set out to do and how far it came; replaced whole at each phase
old/                copies of the files as they were, and last-applied.json
new-record.json     last-applied.json as it shall be
diff                what changes, for people, without secrets
kept/               what somebody else wrote meanwhile and this program found in its way
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.apply import durable
from reconciler.errors import JournalDamaged, JournalNewer, StateUnusable, UsageError
from reconciler.frozen import dataclass
from reconciler.model import codec
from reconciler.model.journal import FORMAT_VERSION, Journal, Passage, Phase

_KEPT_CHANGES, _KEPT_REFUSALS = 50, 10  # transactions: those that changed something, those that were taken back before
_ASIDE = ".damaged"
_COPIES_LIMIT = 512 << 20  # bytes of old files; the last transaction keeps its own whatever they weigh


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction's directory."""

    path: Path

    @property
    def number(self) -> int:
        return int(self.path.name)

    @property
    def diff(self) -> Path:
        return self.path / "diff"

    @property
    def old_record(self) -> Path:
        return self.path / "old/last-applied.json"

    @property
    def new_record(self) -> Path:
        return self.path / "new-record.json"

    def copy(self, passage: Passage) -> str:
        """Where the copy of a passage's old file lies."""
        return str(self.path / "old" / passage.copy)

    def kept(self, passage: Passage) -> str:
        """Where what somebody else wrote meanwhile is kept."""
        return str(self.path / "kept" / passage.copy)

    def read(self, *, changes: bool = True) -> Journal | None:
        """The journal; None where there is none, or one that a loss of power tore: nothing live was touched yet.

        Only the first one can be torn so, for those that replace it are on the disk before they do: it is empty
        then, or nothing was written after it. Without its `changes` it is read in a fraction of the time, where
        there are a hundred thousand.

        Raises JournalDamaged for what is none otherwise, StateUnusable for one that a later version of this program
        wrote, or that may not be read.
        """
        place = self.path / "journal.json"
        content = b""
        try:
            content = place.read_bytes()
            body = json.loads(content)
            version = str(body["format_version"])
            if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
                raise JournalNewer(f"{place}: format_version is {version}; this program reads {FORMAT_VERSION}")
            said = body["transaction"] if changes else {**body["transaction"], "changes": []}
            journal: Journal = codec.decode(Journal, said)
            return journal
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            if not content.strip(b"\0") or not self.new_record.exists():
                return None
            raise JournalDamaged(
                f"{place}: damaged; nobody can tell how far transaction {self.number} came, and nothing was touched: "
                f"the files as they were before it are in {self.path}/old, what it set out to do in {self.diff}; "
                f"put right what is wrong by hand, then `reconciler release {self.number}` sets it aside"
            ) from error
        except OSError as error:
            raise StateUnusable(f"{place}: {error.strerror}; run as root, or name another --state-dir") from error

    def write(self, journal: Journal, *, lasting: bool) -> None:
        """Replace the journal; `lasting` once it has to survive a loss of power from now on."""
        body = {"format_version": FORMAT_VERSION, "transaction": codec.encode(journal)}
        durable.replace(self.path / "journal.json", json.dumps(body).encode() + b"\n", lasting=lasting)

    def sync(self) -> None:
        """Make the names of what lies in it durable."""
        for directory in (self.path / "old", self.path, self.path.parent):
            durable.sync_directory(directory)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All transactions of an instance, counted from 1."""

    path: Path

    def begin(self) -> Entry:
        """A directory for the next transaction; what is too old goes.

        Raises OSError.
        """
        entry = self._entry(max((*self._numbers(), *self._numbers(_ASIDE)), default=0) + 1)
        for directory in (self.path, entry.path, entry.path / "old", entry.path / "kept"):
            directory.mkdir(mode=0o700, exist_ok=True)
        return entry

    def last(self) -> Entry | None:
        """The newest transaction. Only this one can be unfinished."""
        numbers = self._numbers()
        return self._entry(numbers[-1]) if numbers else None

    def unfinished(self) -> Entry | None:
        """The transaction that a crash interrupted, or whose end no event tells yet."""
        entry = self.last()
        if entry is None:
            return None
        journal = entry.read(changes=False)
        return entry if journal is None or not journal.phase.is_end or not journal.told else None

    def cut_off(self) -> int | None:
        """The number of a transaction that is half done: by a crash, or because somebody is at it right now."""
        try:
            entry = self.unfinished()
            journal = entry.read(changes=False) if entry else None
        except JournalDamaged:
            return self._numbers()[-1]
        return journal.number if journal and not journal.phase.is_end else None

    def journals(self) -> Iterator[tuple[Entry, Journal]]:
        """Every transaction whose journal can be read, newest first."""
        for number in reversed(self._numbers()):
            entry = self._entry(number)
            with suppress(JournalDamaged, JournalNewer):
                journal = entry.read()
                if journal is not None:
                    yield entry, journal

    def illegible(self) -> Iterator[int]:
        """The numbers of those whose journal is there and cannot be read, newest first."""
        for number in reversed(self._numbers()):
            try:
                self._entry(number).read(changes=False)
            except (JournalDamaged, JournalNewer):
                yield number

    def set_aside(self, number: int) -> Path:
        """Keep what there is of a transaction whose journal is damaged, out of the way; gives where. Raises OSError."""
        entry = self._entry(number)
        aside = entry.path.with_name(entry.path.name + _ASIDE)
        entry.path.rename(aside)
        durable.sync_directory(self.path)
        return aside

    def get(self, number: int) -> tuple[Entry, Journal]:
        """One transaction.

        Raises UsageError where there is none of that number, JournalDamaged.
        """
        entry = self._entry(number)
        journal = entry.read()
        if journal is None:
            raise UsageError(f"there is no transaction {number}; `reconciler history` lists those there are")
        return entry, journal

    def prune(self) -> None:
        """Forget what is beyond the limits, oldest first; never the newest."""
        numbers = self._numbers()
        entries = [self._entry(number) for number in reversed(numbers)]
        if len(entries) > _KEPT_REFUSALS or sum(map(_weight, entries)) > _COPIES_LIMIT:
            self._forget(entries)

    def _forget(self, newest_first: list[Entry]) -> None:
        changes, refusals, weight = 0, 0, 0
        for entry in newest_first:
            journal = _legible(entry)
            if journal is None or not journal.phase.is_end:
                continue
            refused = journal.phase is Phase.ABORTED
            refusals, changes, weight = refusals + refused, changes + (not refused), weight + _weight(entry)
            beyond = refusals > _KEPT_REFUSALS if refused else changes > _KEPT_CHANGES
            if beyond or (changes > 1 and weight > _COPIES_LIMIT):
                entry.remove()

    def _entry(self, number: int) -> Entry:
        return Entry(self.path / f"{number:06}")

    def _numbers(self, ending: str = "") -> list[int]:
        try:
            names = (it.name.removesuffix(ending) for it in self.path.iterdir() if it.name.endswith(ending))
            return sorted(int(name) for name in names if name.isdecimal())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StateUnusable(f"{self.path}: {error.strerror}; run as root, or name another --state-dir") from error


def _legible(entry: Entry) -> Journal | None:
    """What cannot be read is left to a person."""
    with suppress(JournalDamaged, StateUnusable):
        return entry.read(changes=False)
    return None


def _weight(entry: Entry) -> int:
    """The bytes of its copies."""
    try:
        return sum(path.stat().st_size for path in (entry.path / "old").iterdir())
    except OSError:
        return 0
