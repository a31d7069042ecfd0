"""The plan that takes back one transaction: the files as they were before it, and the record with them.

What changed since in the same files, by a later transaction or by hand, is a conflict: it is shown, not overwritten.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator

from reconciler import __version__
from reconciler.apply.ledger import Entry
from reconciler.apply.machine import Machine
from reconciler.apply.state import StateDirectory
from reconciler.errors import Conflict, HostUnreadable, UsageError
from reconciler.frozen import dataclass, replace
from reconciler.live.paths import in_address
from reconciler.model.address import Address
from reconciler.model.applied import Applied, LastApplied, Mirrored, from_json
from reconciler.model.journal import LINES, MADE_ANEW, UNREAD, Fingerprint, Journal, Passage, Phase, Standing
from reconciler.model.plan import BuildTable, Change, Edit, Plan, Reason, Reload, Why
from reconciler.model.snapshot import FileState
from reconciler.postfix.table import NOTE


@dataclass(frozen=True, slots=True)
class WayBack:
    """`journal` is the transaction that is taken back; its revisions in `quarantines` wait for a person afterwards.

    Where that was a way back itself, the revisions that had to wait since are `released`.
    """

    plan: Plan
    journal: Journal
    quarantines: tuple[str, ...]

    @property
    def released(self) -> tuple[str, ...]:
        return tuple(it for it in self.journal.quarantines if it not in self.quarantines)


def way_back(state: StateDirectory, machine: Machine, number: int | None, *, mail_version: str, now: str) -> WayBack:
    """To the state before a transaction; None is the last one that changed something.

    Raises UsageError where there is nothing to go back from, Conflict where its files have changed since.
    """
    entry, journal = _chosen(state, number)
    _refuse_changed(state, machine, journal)
    old, current = _record(entry.old_record, journal), state.read(journal.config_directory)
    moved = tuple(passage for passage in journal.passages if passage.before != passage.after)
    edits = tuple(_edit(machine, entry, it) for it in moved if not it.copy.endswith(MADE_ANEW))
    anew = tuple(_made_anew(it) for it in moved if it.copy.endswith(MADE_ANEW))
    changes = tuple(_reversed(change) for change in journal.changes if not change.forget)
    made = Plan(
        host=journal.host,
        instance=journal.instance,
        config_directory=journal.config_directory,
        mail_version=mail_version,
        revision=old.revision,
        origin=f"the state before transaction {journal.number}",
        now=now,
        digest=_digest(edits),
        changes=changes,
        actions=(*anew, *((Reload(f"transaction {journal.number} took one"),) if journal.reload else ())),
        edits=edits,
        record=_reverted(journal, old, _record(entry.new_record, journal), current),
        history=old.history,
        mirrors=_mirrors(edits, old, current),
    )
    revisions = dict.fromkeys(it for it in (journal.revision, current.revision) if it)
    return WayBack(made, journal, tuple(revisions))


def _mirrors(edits: tuple[Edit, ...], old: LastApplied, current: LastApplied) -> dict[str, Mirrored]:
    """Those of now, but as they were where their source goes back; what they are made of is the file as it was."""
    contents = {in_address(it.path, current.config_directory): it.after for it in edits if not it.compiled}
    found = {path: it for path, it in current.mirrors.items() if path not in contents}
    for path, mirror in old.mirrors.items():
        content = contents.get(path)
        if content is not None:
            digest = hashlib.sha256(memoryview(content)[len(NOTE) :]).hexdigest()
            found[path] = replace(mirror, base=digest, splices=())
    return found


def _chosen(state: StateDirectory, number: int | None) -> tuple[Entry, Journal]:
    if number is None:
        done = (found for found in state.ledger.journals() if found[1].phase is Phase.DONE)
        entry, journal = next(done, (None, None))
        if entry is None or journal is None:
            raise UsageError("no transaction has changed this instance; there is nothing to go back from")
    else:
        entry, journal = state.ledger.get(number)
    if journal.phase is not Phase.DONE:
        raise UsageError(f"transaction {journal.number} changed nothing that lasted ({journal.phase.value})")
    if not any(not change.forget for change in journal.changes):
        raise UsageError(f"transaction {journal.number} changed nothing on the host; there is nothing to go back from")
    return entry, journal


def _refuse_changed(state: StateDirectory, machine: Machine, journal: Journal) -> None:
    changed = [it.path for it in journal.passages if machine.standing(it) is not Standing.NEW]
    if not changed:
        return
    later = [
        (other.number, passage.path)
        for _, other in state.ledger.journals()
        if other.number > journal.number and other.phase is Phase.DONE
        for passage in other.passages
    ]
    lines = [f"  {path}: by {_who(path, later)}" for path in changed]
    raise Conflict(
        f"what transaction {journal.number} wrote has changed since; nothing was touched:\n" + "\n".join(lines)
    )


def _who(path: str, later: list[tuple[int, str]]) -> str:
    numbers = sorted(number for number, touched in later if touched == path)
    if numbers:
        return f"transaction {numbers[-1]}; `reconciler rollback {numbers[-1]}` first"
    return "somebody else; put it back by hand, or change the state repository instead"


def _edit(machine: Machine, entry: Entry, passage: Passage) -> Edit:
    """The old bytes, with the old owner, mode and attributes."""
    standing = machine.read(passage.path)
    now = standing.content if standing else None
    if passage.before is None:
        return Edit(passage.path, None if passage.compiled else now, None, compiled=passage.compiled)
    if passage.copy.endswith(LINES):
        return _edit_of_lines(machine, entry, passage, now)
    copy = machine.read(entry.copy(passage))
    if copy is None or not _is_of(copy.content, passage.before):
        raise HostUnreadable(f"{entry.copy(passage)}: the copy of {passage.path} is gone; it cannot be put back")
    like = FileState(
        copy.content,
        passage.before.mode,
        passage.before.uid,
        passage.before.gid,
        copy.mtime_ns,
        passage.target,
        passage.before.xattrs,
    )
    before = None if passage.compiled else now
    return Edit(passage.path, before, copy.content, compiled=passage.compiled, like=like)


def _is_of(content: bytes, before: Fingerprint) -> bool:
    if before.sha256.startswith(UNREAD):
        return len(content) == before.size
    return hashlib.sha256(content).hexdigest() == before.sha256


def _edit_of_lines(machine: Machine, entry: Entry, passage: Passage, now: bytes | None) -> Edit:
    old = machine.before_lines(passage.target, entry.copy(passage))
    if old is None or passage.before is None or len(old) != passage.before.size:
        raise HostUnreadable(f"{entry.copy(passage)}: the lines of {passage.path} are gone; it cannot be put back")
    return Edit(passage.path, now, old)


def _made_anew(passage: Passage) -> BuildTable:
    source = posixpath.splitext(passage.path)[0]
    kind = passage.copy.removesuffix(MADE_ANEW).rpartition(".")[2]
    return BuildTable(kind, source, "its rows change")


def _reversed(change: Change) -> Change:
    return replace(
        change,
        before=change.after,
        after=change.before,
        why=Why.INTENTIONAL,
        reason=Reason.ROLLED_BACK,
        detail="",
        origin=None,
    )


def _record(path: object, journal: Journal) -> LastApplied:
    try:
        with open(str(path), "rb") as file:  # noqa: PTH123
            return from_json(file.read())
    except FileNotFoundError:
        return LastApplied(journal.config_directory)
    except (OSError, ValueError, KeyError, TypeError) as error:
        name = posixpath.basename(str(path))
        raise HostUnreadable(
            f"{path}: {name} cannot be read ({error}); this transaction cannot be taken back"
        ) from error


def _reverted(journal: Journal, old: LastApplied, new: LastApplied, current: LastApplied) -> dict[Address, Applied]:
    """The record of now, with what this transaction wrote into it taken back, address by address."""
    entries = dict(current.entries)
    later = []
    for address in _differing(old, new):
        if entries.get(address) != new.entries.get(address):
            later.append(f"  {address}")
        elif address in old.entries:
            entries[address] = old.entries[address]
        else:
            entries.pop(address, None)
    if later:
        raise Conflict(
            f"what transaction {journal.number} recorded has changed since; nothing was touched:\n" + "\n".join(later)
        )
    return entries


def _differing(old: LastApplied, new: LastApplied) -> Iterator[Address]:
    for address in dict.fromkeys((*old.entries, *new.entries)):
        if old.entries.get(address) != new.entries.get(address):
            yield address


def _digest(edits: tuple[Edit, ...]) -> str:
    parts = [
        __version__,
        *(f"{it.path} {hashlib.sha256(it.after or b'').hexdigest()} {it.after is None}" for it in edits),
    ]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
