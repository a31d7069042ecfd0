"""Large tables of ours that are one policy file: written as that file, and recorded as it, not row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from reconciler.frozen import replace
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
from reconciler.model.address import Address, RowAddress, TableAddress
from reconciler.model.applied import Applied, LastApplied, Mirrored, Splice
from reconciler.model.desired import DesiredState, Mirror
from reconciler.model.plan import Edit
from reconciler.model.snapshot import Excerpt
from reconciler.plan.target import Target
from reconciler.postfix import policy, table
from reconciler.postfix.plain import LARGE
from reconciler.postfix.table import NOTE, Table, compiled_path

_MANY = 200


def source(document: Table, path: str, target: Target) -> bytes | None:
    """The policy file itself, for a table that would hold just its rows; None where it would not."""
    mirror = target.mirrors.get(path)
    if mirror is None or document.malformed:
        return None
    if path in target.unread and not document.rows:
        return NOTE + mirror.content
    same = len(document.rows) == mirror.rows and _means_the_same(document, table.parse(mirror.content))
    return NOTE + mirror.content if same else None


def _means_the_same(one: Table, other: Table) -> bool:
    if one.rows.keys() != other.rows.keys():
        return False
    values = {(row.value, other.rows[key].value) for key, row in one.rows.items()}
    try:
        return all(left == right or _canonical(left) == _canonical(right) for left, right in values)
    except ValueError:
        return False


def _canonical(value: bytes) -> object:
    return policy.canonical(value.decode("utf-8", "surrogateescape"))


def recorded(
    edits: Iterable[Edit], target: Target, live: LiveConfig, last: LastApplied, record: Mapping[Address, Applied]
) -> dict[str, Mirrored]:
    """The tables that will be one policy file, once these edits are made."""
    written = {edit.path: edit for edit in edits if not edit.compiled}
    found = {path: _one(path, written.get(live.path(path)), target, live, last) for path in target.mirrors}
    return {path: it for path, it in found.items() if it is not None and _is_ours(path, record, target)}


def _is_ours(path: str, record: Mapping[Address, Applied], target: Target) -> bool:
    """Whether its rows can be forgotten: what stood there before us would be lost with them."""
    made = record.get(TableAddress(path))
    if made is None or made.adopted:
        return False
    return path in target.unread or all(
        entry.adopted is None and entry.written == target.wanted[address].value
        for address, entry in record.items()
        if isinstance(address, RowAddress) and address.path == path and address in target.wanted
    )


def _one(path: str, edit: Edit | None, target: Target, live: LiveConfig, last: LastApplied) -> Mirrored | None:
    where, mirror, before = live.path(path), target.mirrors[path], last.mirrors.get(path)
    if edit is not None and edit.within is not None:
        return _spliced(before, mirror, edit.within) if before else None
    if path in target.unread and edit is None:
        return before
    part = target.wanted[TableAddress(path)].part.value
    fresh = Mirrored(target.kinds[path].value, part, mirror.rows, mirror.levels, mirror.attributes, base=mirror.sha256)
    if edit is not None:
        return fresh if edit.after is not None and _is_the_file(edit.after, mirror) else None
    state = live.snapshot.files.get(where)
    marks = live.snapshot.marks
    built = compiled_path(target.kinds[path], where)
    if state is None or where not in marks or built not in marks or not _is_the_file(state.content, mirror):
        return None
    return replace(fresh, source=marks[where], compiled=marks[built])


def _is_the_file(content: bytes, mirror: Mirror) -> bool:
    return content.startswith(NOTE) and hashlib.sha256(memoryview(content)[len(NOTE) :]).hexdigest() == mirror.sha256


def _spliced(before: Mirrored, mirror: Mirror, within: Excerpt) -> Mirrored:
    """From the last to the first, so that each finds its place; anew from the file where they have become many."""
    splices = tuple(
        Splice(hunk.start - len(NOTE), hunk.end - hunk.start, hunk.after) for hunk in reversed(within.hunks)
    )
    splices = (*before.splices, *splices)
    many = len(splices) > _MANY or sum(len(it.added) for it in splices) > LARGE
    return replace(
        before,
        rows=mirror.rows,
        levels=mirror.levels,
        attributes=mirror.attributes,
        base=mirror.sha256 if many else before.base,
        splices=() if many else splices,
    )


def without_rows(record: Mapping[Address, Applied], mirrors: Mapping[str, Mirrored]) -> dict[Address, Applied]:
    """A record whose rows of these tables are told by the file."""
    if not mirrors:
        return dict(record)
    return {
        address: entry
        for address, entry in record.items()
        if not isinstance(address, RowAddress) or address.path not in mirrors
    }


def left_alone(
    desired: DesiredState, live: LiveConfig, last: LastApplied, held: Iterable[Address]
) -> tuple[DesiredState, LiveConfig, LastApplied]:
    """Where a row of a table seen in excerpts is held, none of its rows changes: they are written as one."""
    paths = frozenset(_held(live, held))
    if not paths:
        return desired, live, last
    tables = tuple(
        replace(it, rows=()) if in_address(it.path, live.snapshot.config_directory) in paths else it
        for it in desired.tables
    )
    entries = {
        address: entry
        for address, entry in last.entries.items()
        if not isinstance(address, RowAddress) or address.path not in paths
    }
    where = {live.path(path) for path in paths}
    snapshot = live.snapshot
    files = {path: replace(it, content=b"") if path in where else it for path, it in snapshot.files.items()}
    seen = LiveConfig(replace(snapshot, files=files), live.main, live.master)
    return replace(desired, tables=tables), seen, replace(last, entries=entries)


def _held(live: LiveConfig, held: Iterable[Address]) -> Iterator[str]:
    for address in held:
        if isinstance(address, RowAddress | TableAddress) and live.path(address.path) in live.snapshot.excerpts:
            yield address.path
