"""Lookup tables in Postfix's text form: rows of key and value, every byte kept.

Two shapes: indexed tables (hash, btree, cdb, lmdb, texthash), whose keys postmap(1) folds to lower case and takes once,
and ordered ones (cidr, regexp, pcre), whose first match counts.

Source: postmap(1), cidr_table(5); `postmap_body()` in Postfix's postmap/postmap.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from reconciler.postfix.lines import BLANKS, LogicalLine, Trivia, newline_of, split

_COMMENTED_ROW = re.compile(rb"[ \t]*#[ \t]*(\S+)[ \t]")


class TableType(StrEnum):
    """The table types this program writes; others are left as foreign elements."""

    HASH = "hash"
    BTREE = "btree"
    CDB = "cdb"
    LMDB = "lmdb"
    TEXTHASH = "texthash"
    CIDR = "cidr"
    REGEXP = "regexp"
    PCRE = "pcre"

    @property
    def compiled(self) -> bool:
        """Whether postmap builds it. A process notices a new compiled file by itself; the others it reads once."""
        return self in _COMPILED

    @property
    def indexed(self) -> bool:
        return self.compiled or self is TableType.TEXTHASH


_COMPILED = frozenset({TableType.HASH, TableType.BTREE, TableType.CDB, TableType.LMDB})
_SUFFIX = {TableType.HASH: ".db", TableType.BTREE: ".db", TableType.CDB: ".cdb", TableType.LMDB: ".lmdb"}


def compiled_path(kind: TableType, path: str) -> str:
    """The file that postmap makes of `path`."""
    return path + _SUFFIX[kind]


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `key` is what a lookup finds: unquoted, and folded in indexed tables."""

    raw: bytes
    line: int
    key: bytes
    value: bytes
    source: LogicalLine


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that postmap passes over with a warning and exit code 0."""

    raw: bytes
    line: int
    what: str


Node = Trivia | Row | Malformed


@dataclass(frozen=True)
class Table:
    """A table's source. Immutable: `set` and `unset` give a new document."""

    nodes: tuple[Node, ...]
    indexed: bool = True

    def render(self) -> bytes:
        return b"".join(node.raw for node in self.nodes)

    @cached_property
    def rows(self) -> dict[bytes, Row]:
        """The rows in force: of one key the first counts; postmap warns about the others and drops them."""
        rows: dict[bytes, Row] = {}
        for node in self.nodes:
            if isinstance(node, Row):
                rows.setdefault(node.key, node)
        return rows

    @cached_property
    def malformed(self) -> tuple[Malformed, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Malformed))

    def get(self, key: bytes) -> bytes | None:
        row = self.rows.get(fold(key) if self.indexed else key)
        return row.value if row else None

    def edit(self, changes: dict[bytes, bytes | None]) -> Table:
        """Give rows new values, add those that are missing, remove those set to None; one pass over the table."""
        wanted = {fold(key) if self.indexed else key: value for key, value in changes.items()}
        pending = {key: value for key, value in wanted.items() if value is not None and key not in self.rows}
        nodes: list[Node] = []
        for node in self.nodes:
            if isinstance(node, Row) and node.key in wanted:
                nodes += _edited(node, wanted[node.key], in_force=self.rows[node.key] is node, indexed=self.indexed)
                continue
            nodes.append(node)
            example = _COMMENTED_ROW.match(node.raw) if pending and isinstance(node, Trivia) else None
            key = (fold(example[1]) if self.indexed else example[1]) if example else None
            if key is not None and key in pending and node.raw.endswith(b"\n"):
                nodes += self._new_row(key, pending.pop(key) or b"", node.raw)
        return Table(tuple(self._appended(nodes, pending)), self.indexed)

    def _appended(self, nodes: list[Node], rows: Mapping[bytes, bytes | None]) -> list[Node]:
        if not rows:
            return nodes
        newline = newline_of(self.render())
        if nodes and not nodes[-1].raw.endswith(b"\n"):
            nodes[-1:] = parse(nodes[-1].raw + newline, indexed=self.indexed).nodes
        for key, value in rows.items():
            nodes += self._new_row(key, value or b"", newline)
        return nodes

    def _new_row(self, key: bytes, value: bytes, like: bytes) -> tuple[Node, ...]:
        newline = b"\r\n" if like.endswith(b"\r\n") else b"\n"
        return parse(_written_key(key, indexed=self.indexed) + b" " + value + newline, indexed=self.indexed).nodes


def parse(source: bytes, *, indexed: bool = True) -> Table:
    """Read a table; any bytes are a document."""
    nodes = tuple(node if isinstance(node, Trivia) else _read(node, indexed=indexed) for node in split(source))
    return Table(nodes, indexed)


def fold(key: bytes) -> bytes:
    """The key as indexed tables hold it: lower case, in UTF-8's sense where it is UTF-8 (`casefold()`)."""
    if key.isascii():
        return key.lower()
    try:
        return key.decode().casefold().encode()
    except UnicodeDecodeError:
        return key.lower()


def _read(line: LogicalLine, *, indexed: bool) -> Row | Malformed:
    if line.is_orphan:
        return Malformed(line.raw, line.line, "a continuation line that continues nothing")
    text = line.text
    key, rest = _split_key(text) if indexed else _split_pattern(text)
    value = rest.strip(BLANKS)
    if not key or not value:
        return Malformed(line.raw, line.line, "a key without a value; Postfix leaves it out")
    if not _is_utf8(text):
        return Malformed(line.raw, line.line, "not UTF-8; postmap leaves it out")
    return Row(line.raw, line.line, fold(key) if indexed else key, value, line)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _split_key(text: bytes) -> tuple[bytes, bytes]:
    """A bare key ends at white space; a quoted one (Postfix 3.2) at its closing quote."""
    if not text.startswith(b'"'):
        parts = text.split(None, 1)
        return (parts[0], parts[1]) if len(parts) == 2 else (text.strip(BLANKS), b"")
    key = bytearray()
    at = 1
    while at < len(text) and text[at] != 0x22:
        at += text[at] == 0x5C and at + 1 < len(text)
        key.append(text[at])
        at += 1
    return bytes(key), text[at + 1 :]


def _split_pattern(text: bytes) -> tuple[bytes, bytes]:
    """cidr, regexp and pcre: a pattern between delimiters may hold blanks; flags follow its end."""
    at = 0
    delimiter = text[text.startswith(b"!") : text.startswith(b"!") + 1]
    if delimiter and not delimiter.isalnum() and delimiter not in b"[:{}":
        at = text.startswith(b"!") + 1
        while at < len(text) and text[at : at + 1] != delimiter:
            at += 2 if text[at] == 0x5C else 1
    while at < len(text) and text[at] not in BLANKS:
        at += 1
    return text[:at], text[at:]


def _written_key(key: bytes, *, indexed: bool) -> bytes:
    if not indexed or not (any(byte in BLANKS for byte in key) or key.startswith((b'"', b"#"))):
        return key
    return b'"' + key.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _edited(row: Row, value: bytes | None, *, in_force: bool, indexed: bool) -> tuple[Node, ...]:
    if value is None:
        return ()
    if not in_force or row.value == value:
        return (row,)
    newline = b"\n" if row.raw.endswith(b"\n") else b""
    newline = b"\r\n" if row.raw.endswith(b"\r\n") else newline
    first_start, first_end = row.source.spans[0]
    first = row.raw[first_start:first_end]
    key_end = len(first) - len(_split_key(first)[1]) if indexed else len(_split_pattern(first)[0])
    gap_end = len(first) - len(first[key_end:].lstrip(BLANKS))
    gap = first[key_end:gap_end] or b" "
    key = first[:key_end].rstrip(BLANKS)
    if not first[key_end:].strip(BLANKS):
        gap = b" "
    elif indexed and key_end > len(key):
        gap = first[len(key) : gap_end]
    return parse(key + gap + value + newline, indexed=indexed).nodes
