"""Lookup tables in Postfix's text form: rows of key and value, every byte kept.

Two shapes: indexed tables (hash, btree, cdb, lmdb, texthash), whose keys postmap(1) folds to lower case and takes once,
and ordered ones (cidr, regexp, pcre), whose first match counts.

Source: postmap(1), cidr_table(5); `postmap_body()` in Postfix's postmap/postmap.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

from reconciler.frozen import dataclass
from reconciler.postfix.lines import BLANKS, LogicalLine, Trivia, inner_comments, newline_of, split

NOTE = b"# Made by postfix-tls-reconciler from the state repository; rows that are not declared there are removed.\n"
_QUOTE, _BACKSLASH = b'"\\'
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
    """One row. `key` is what a lookup finds: with its quotes, and folded in indexed tables."""

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
        """Give rows new values, add those that are missing, remove those set to None; one pass over the table.

        Raises ValueError where a pair cannot stand on one line.
        """
        wanted = {fold(key) if self.indexed else key: value for key, value in changes.items()}
        _check(wanted, indexed=self.indexed)
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

    def without_malformed(self) -> Table:
        """Only what Postfix reads as rows, and comments: an `endif` without its `if` would end every lookup."""
        return Table(tuple(node for node in self.nodes if not isinstance(node, Malformed)), self.indexed)

    def _appended(self, nodes: list[Node], rows: Mapping[bytes, bytes | None]) -> list[Node]:
        if not rows:
            return nodes
        newline = newline_of(self.render())
        unterminated = bool(nodes) and not nodes[-1].raw.endswith(b"\n")
        if unterminated:
            nodes[-1:] = parse(nodes[-1].raw + newline, indexed=self.indexed).nodes
        for key, value in rows.items():
            nodes += self._new_row(key, value or b"", newline)
        if unterminated:  # a missing final newline stays missing
            nodes[-1:] = parse(nodes[-1].raw.removesuffix(newline), indexed=self.indexed).nodes
        return nodes

    def _new_row(self, key: bytes, value: bytes, like: bytes) -> tuple[Node, ...]:
        newline = b"\r\n" if like.endswith(b"\r\n") else b"\n"
        return parse(key + b" " + value + newline, indexed=self.indexed).nodes


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
    parts = _split_key(text) if indexed else _split_pattern(text)
    if parts is None:
        return Malformed(line.raw, line.line, "a '\"' that is not closed; postmap leaves the line out")
    key, value = parts[0], parts[1].strip(BLANKS)
    if not key or not value:
        return Malformed(line.raw, line.line, "a key without a value; Postfix leaves it out")
    if not text.isascii() and not _is_utf8(line.whole):  # as postmap.c asks: allascii() ends at a NUL, the other not
        return Malformed(line.raw, line.line, "not UTF-8; postmap leaves it out")
    return Row(line.raw, line.line, fold(key) if indexed else key, value, line)


def _check(rows: Mapping[bytes, bytes | None], *, indexed: bool) -> None:
    for key, value in rows.items():
        if value is None:
            continue
        node = next(iter(parse(key + b" " + value, indexed=indexed).nodes), None)
        reads_back = isinstance(node, Row) and (node.key, node.value) == (key, value)
        if not reads_back or b"\n" in key + value or value.startswith(b"#"):  # a comment, on a line of its own
            raise ValueError(f"{key!r} {value!r} does not stand on one line of a table")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _split_key(text: bytes) -> tuple[bytes, bytes] | None:
    """The key ends at the first white space outside of quotes; None where a quote is not closed.

    Postfix 3.2 and later: quotes may stand anywhere in the key and stay part of it, a backslash takes the next byte.
    """
    if b'"' not in text and b"\\" not in text:
        words = text.split(None, 1)  # of bytes: exactly at BLANKS
        return words[0] if words else b"", words[1] if len(words) > 1 else b""
    quoted = False
    at = 0
    while at < len(text):
        byte = text[at]
        if byte == _BACKSLASH:
            at += 1
        elif byte == _QUOTE:
            quoted = not quoted
        elif byte in BLANKS and not quoted:
            break
        at += 1
    return None if quoted else (text[:at], text[at:])


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


def _edited(row: Row, value: bytes | None, *, in_force: bool, indexed: bool) -> tuple[Node, ...]:
    """The row with another value in the place of its own; comments that lay inside it follow it."""
    if value is None:
        return inner_comments(row.source)
    if not in_force or row.value == value:
        return (row,)
    start, end = _value_at(row, indexed=indexed)
    after = row.raw[:start] + value + row.raw[end:]
    lost = tuple(it for it in inner_comments(row.source) if it.raw in row.raw[start:end])
    ending = b"\n" if lost and not after.endswith(b"\n") else b""
    return (*parse(after + ending, indexed=indexed).nodes, *lost)


def _value_at(row: Row, *, indexed: bool) -> tuple[int, int]:
    """The slice of the row's bytes from its value's first byte to its last."""
    text = row.source.text
    _, rest = (_split_key(text) if indexed else _split_pattern(text)) or (b"", text)
    start = len(text) - len(rest.lstrip(BLANKS))
    return row.source.offsets(start, start + len(row.value))
