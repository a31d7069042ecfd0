"""Large tables, of which only the rows are looked at that are not in place.

Where the record says that a table is one policy file, and its marks say that nobody has written to it since, all that
can differ is what the file says now: the two are compared as bytes, and only lines that differ are read. Wherever that
is not certain, every row is read, as of any other table.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from enum import Enum
from itertools import pairwise

from reconciler.apply.state import StateDirectory
from reconciler.desired import maps
from reconciler.errors import Position, StateInvalid
from reconciler.frozen import dataclass, replace
from reconciler.host import files
from reconciler.live import LiveConfig
from reconciler.live.paths import in_address
from reconciler.model.address import Address, RowAddress, TableAddress
from reconciler.model.applied import Applied, LastApplied, Mirrored
from reconciler.model.desired import DesiredRow, DesiredState, DesiredTable, Mirror, Origin
from reconciler.model.snapshot import Excerpt, FileState, HostSnapshot, Hunk, RepoSnapshot
from reconciler.plan.target import table_kinds
from reconciler.postfix import plain, policy, table
from reconciler.postfix.plain import LARGE, InMemory
from reconciler.postfix.table import NOTE, TableType, compiled_path

_FEW_KEYS = 16  # that are searched one by one
_READS_ANY = (3, 6)  # the version from which on no right-hand side has to be rewritten
_SUSPECT = (b"PRIVATE KEY", b":{")  # reading all of it says what that is
_DANE = re.compile(rb"^[^#\s]\S*[ \t]+[, \t]*dane", re.MULTILINE | re.IGNORECASE)
_NO_DNSSEC_NEEDED = frozenset({"none", "may", "encrypt", "fingerprint", "verify", "secure"})


class Rows(Enum):
    """Which rows of large tables a look shows."""

    ALL = "all"
    DIFFERING = "differing"


@dataclass(frozen=True, slots=True)
class Tables:
    """The two sides that are no snapshot, and of the third what stands for the large tables."""

    desired: DesiredState
    last: LastApplied
    files: Mapping[str, FileState] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)

    def onto(self, snapshot: HostSnapshot) -> HostSnapshot:
        return replace(
            snapshot,
            files={**snapshot.files, **self.files},
            kinds={**snapshot.kinds, **self.kinds},
            excerpts=self.excerpts,
            marks=self.marks,
        )


class _ReadAll(Exception):
    """Only a look at every row tells what there is to do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`load` reads and validates the whole state; `known` is the same without the rows of large tables, if it is."""

    repo: RepoSnapshot
    live: LiveConfig
    last: LastApplied
    state: StateDirectory
    known: DesiredState | None
    load: Callable[[], DesiredState]
    large: int = LARGE  # bytes

    def read(self, rows: Rows) -> Tables:
        """Raises what `load` raises, HostUnreadable."""
        loaded = None if self.known else marked(self.load(), self.repo, self.large)
        wanted = self.known or loaded
        if wanted is not None and not self.last.mirrors and all(it.mirror is None for it in wanted.tables):
            return Tables(wanted, self.last)
        if wanted is not None and rows is Rows.DIFFERING:
            try:
                return self._differing(wanted)
            except (_ReadAll, OSError):
                pass
        return self._all(loaded or marked(self.load(), self.repo, self.large))

    def _all(self, desired: DesiredState) -> Tables:
        entries = dict(self.last.entries)
        for path, mirror in self.last.mirrors.items():
            entries |= _entries(path, mirror.part, _base(self.state, mirror))
        marks = {it: self._mark(it) for large in self._large(desired) for it in self._paths(desired, large)}
        last = replace(self.last, entries=entries, mirrors={})
        return Tables(desired, last, marks={path: mark for path, mark in marks.items() if mark})

    def _large(self, desired: DesiredState) -> Iterator[DesiredTable]:
        return (it for it in desired.tables if it.mirror is not None)

    def _paths(self, desired: DesiredState, large: DesiredTable) -> tuple[str, str]:
        """Where its source lies, and what postmap makes of it."""
        where = self.live.path(large.path)
        kind = table_kinds(desired, self.live)[self._address(large)]
        if not kind.compiled:
            raise _ReadAll
        return where, compiled_path(kind, where)

    def _mark(self, path: str) -> str:
        return files.mark(path, above=self.large)

    def _address(self, large: DesiredTable) -> str:
        return in_address(large.path, self.live.snapshot.config_directory)

    def _differing(self, desired: DesiredState) -> Tables:
        large = {self._address(it): it for it in self._large(desired)}
        if self.last.mirrors.keys() - large.keys() or self.live.version < _READS_ANY:
            raise _ReadAll
        found = [self._one(desired, it) for it in large.values()]
        seen = [it for it in found if it.excerpt is not None]
        instead = {id(before): it.table for before, it in zip(large.values(), found, strict=True)}
        return Tables(
            replace(desired, tables=tuple(instead.get(id(it), it) for it in desired.tables)),
            replace(self.last, entries=dict(ChainMap(*(dict(it.entries) for it in seen), dict(self.last.entries)))),
            files={it.where: it.state for it in seen if it.state},
            kinds={it.where: it.kind.value for it in seen},
            excerpts={it.where: it.excerpt for it in seen if it.excerpt},
        )

    def _one(self, desired: DesiredState, large: DesiredTable) -> _Seen:
        address, (where, compiled) = self._address(large), self._paths(desired, large)
        kind, before = table_kinds(desired, self.live)[address], self.last.mirrors.get(address)
        if large.mirror is None or large.part not in desired.enforced or large.mirror.file not in self.repo.files:
            raise _ReadAll
        if before is None:
            self._check_new(address, large.mirror, (where, compiled))
            content = self.repo.files[large.mirror.file]
            return _Seen(replace(large, rows=(), mirror=replace(large.mirror, content=content)), where, kind)
        if (kind.value, large.part.value) != (before.kind, before.part):
            raise _ReadAll
        if not before.source or (self._mark(where), self._mark(compiled)) != (before.source, before.compiled):
            raise _ReadAll
        with files.opened(where, len(NOTE)) as text:
            if text.mark != before.source:
                raise _ReadAll
            return self._compared(large.mirror.file, before, text, _Seen(large, where, kind))

    def _check_new(self, address: str, mirror: Mirror, paths: Iterable[str]) -> None:
        """A table that is made as a whole: nothing stands there, and the file was validated as it is."""
        known = TableAddress(address) in self.last.entries or any(
            isinstance(it, RowAddress) and it.path == address for it in self.last.entries
        )
        if known or any(files.exists(it) for it in paths) or not mirror.levels <= _NO_DNSSEC_NEEDED:
            raise _ReadAll
        if self.repo.digest(mirror.file) != mirror.sha256 or not self._reads(mirror.attributes):
            raise _ReadAll

    def _reads(self, attributes: Iterable[str]) -> bool:
        return all(policy.introduced(it) <= self.live.version for it in attributes)

    def _compared(self, path: str, before: Mirrored, text: files.OpenText, seen: _Seen) -> _Seen:
        large = seen.table
        wanted = InMemory(self.repo.files[path])
        different = plain.hunks(text, wanted)
        hunks = tuple(
            Hunk(
                len(NOTE) + it.start,
                len(NOTE) + it.end,
                text.piece(it.start, it.end),
                wanted.piece(it.other_start, it.other_end),
            )
            for it in different
        )
        excerpt = Excerpt(hunks, len(NOTE) + text.size, text.mark)
        _check(different, hunks, wanted)
        rows = tuple(_rows(path, different, wanted, large.origin.layer))
        policies = [policy.parse(it) for it in dict.fromkeys(row.value for row in rows)]
        attributes = before.attributes | {name for it in policies for name, _ in it.attributes}
        if not self._reads(attributes):
            raise _ReadAll
        entries = _entries(self._address(large), before.part, excerpt.before)
        mirror = Mirror(
            path,
            self.repo.digest(path),
            before.rows - len(entries) + len(rows),
            before.levels | {it.level for it in policies},
            attributes,
            wanted.content,
        )
        state = text.state(seen.where, excerpt.before)
        return replace(
            seen, table=replace(large, rows=rows, mirror=mirror), excerpt=excerpt, state=state, entries=entries
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """One large table: as it is declared with the rows that differ, and what of it stands on the host."""

    table: DesiredTable
    where: str
    kind: TableType
    excerpt: Excerpt | None = None
    state: FileState | None = None
    entries: Mapping[Address, Applied] = field(default_factory=dict)


def marked(desired: DesiredState, repo: RepoSnapshot, above: int) -> DesiredState:
    """The state, with the tables named that one large policy file says all of."""
    tables = tuple(replace(it, mirror=_mirror(it, repo, above)) if it.policy_file else it for it in desired.tables)
    return replace(desired, tables=tables)


def _mirror(large: DesiredTable, repo: RepoSnapshot, above: int) -> Mirror | None:
    content = repo.files.get(large.policy_file, b"")
    if len(content) <= above or large.path.startswith("/") or not plain.is_plain(content):
        return None
    policies = [policy.parse(it) for it in {row.value for row in large.rows}]
    return Mirror(
        large.policy_file,
        repo.digest(large.policy_file),
        len(large.rows),
        frozenset(it.level for it in policies),
        frozenset(name for it in policies for name, _ in it.attributes),
        content,
    )


def without_rows(desired: DesiredState) -> DesiredState:
    """What is remembered of a state: the rows of large tables are in their files."""
    return replace(desired, tables=tuple(map(_without_rows, desired.tables)))


def _without_rows(large: DesiredTable) -> DesiredTable:
    return large if large.mirror is None else replace(large, rows=(), mirror=replace(large.mirror, content=b""))


def exempt(desired: DesiredState) -> frozenset[str]:
    """The policy files on whose content what is remembered does not depend."""
    return frozenset(it.mirror.file for it in desired.tables if it.mirror is not None)


def _check(different: Iterable[plain.Hunk], hunks: Iterable[Hunk], wanted: InMemory) -> None:
    """Raises where the new lines may not be plain, or a key stands elsewhere too."""
    new, old = b"".join(it.after for it in hunks), set[bytes]()
    if any(it in new for it in _SUSPECT) or any(not plain.is_plain(it.after) for it in hunks):
        raise _ReadAll
    for hunk in hunks:
        old |= set(plain.keys(hunk.before))
    keys = [key for hunk in hunks for key in plain.keys(hunk.after)]
    if len(set(keys)) < len(keys):
        raise _ReadAll
    added = set(keys) - old
    edges = [0, *(it for hunk in different for it in (hunk.other_start, hunk.other_end)), wanted.size]
    same = [(start, end) for start, end in list(pairwise(edges))[::2] if start < end]
    asks = any(_DANE.search(it) for hunk in hunks for it in (hunk.before, hunk.after))
    if asks and not any(_DANE.search(wanted.content, start, end) for start, end in same):
        raise _ReadAll  # the first such row, or the last, changes what else is declared
    for start, end in same if added else ():
        if len(added) <= _FEW_KEYS:
            found = any(plain.holds(wanted, key, start, end) for key in added)
        else:
            found = not added.isdisjoint(plain.keys(wanted.piece(start, end)))
        if found:
            raise _ReadAll


def _rows(path: str, different: Iterable[plain.Hunk], wanted: InMemory, layer: str) -> Iterator[DesiredRow]:
    line, at = 1, 0
    for hunk in different:
        line += wanted.content.count(b"\n", at, hunk.other_start)
        at = hunk.other_start
        try:
            rows = maps.read(path, wanted.piece(hunk.other_start, hunk.other_end))
        except StateInvalid as invalid:  # reading all of it tells where
            raise _ReadAll from invalid
        for row in rows:
            yield DesiredRow(row.key, row.value, Origin(Position(path, line + row.line - 1), layer))


def _base(state: StateDirectory, mirror: Mirrored) -> bytes:
    """What was last written, put together again."""
    content = state.base(mirror.base)
    for it in mirror.splices:
        content = content[: it.at] + it.added + content[it.at + it.removed :]
    return content


def _entries(path: str, part: str, content: bytes) -> dict[Address, Applied]:
    return {
        RowAddress(path, key.decode()): Applied(" ".join(row.value.decode().split()), None, part)
        for key, row in table.parse(content).rows.items()
    }
