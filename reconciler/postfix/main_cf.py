"""main.cf as a document: every byte kept, an edit touching only the lines it must.

Source: `split_nameval()` in Postfix's util/split_nameval.c, `dict_load_fp()` in util/dict.c.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from itertools import chain

from reconciler.frozen import dataclass
from reconciler.postfix.lines import BLANKS, LogicalLine, Trivia, inner_comments, newline_of, split

_NAME = re.compile(rb"[A-Za-z0-9_]+\Z")
_UP_TO_VALUE = re.compile(rb"[^ \t\n\v\f\r=]*")  # all but BLANKS and the equals sign
_COMMENTED_EXAMPLE = re.compile(rb"[ \t]*#[ \t]*([A-Za-z0-9_]+)[ \t]*=")


@dataclass(frozen=True, slots=True)
class Entry:
    """One logical line `name = value`, with the comments that lie inside it.

    `value_at` is the slice of `raw` from the value's first byte to its last: what an edit replaces.
    """

    raw: bytes
    line: int  # 1-based, of the first physical line
    name: bytes
    value: bytes
    value_at: tuple[int, int]
    source: LogicalLine


@dataclass(frozen=True, slots=True)
class Malformed:
    """A logical line that Postfix refuses or ignores, kept as it stands."""

    raw: bytes
    line: int
    what: str
    fatal: bool  # whether Postfix's programs end over it


@dataclass(frozen=True)
class MainCf:
    """A main.cf. Immutable: `set` and `unset` give a new document."""

    nodes: tuple[Trivia | Entry | Malformed, ...]

    def render(self) -> bytes:
        return b"".join(node.raw for node in self.nodes)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Entry))

    @cached_property
    def malformed(self) -> tuple[Malformed, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Malformed))

    @cached_property
    def parameters(self) -> dict[bytes, bytes]:
        """The explicit parameters: where a name stands twice, Postfix takes the last."""
        return {entry.name: entry.value for entry in self.entries}

    def get(self, name: bytes) -> bytes | None:
        """The value in force, or None where the name does not stand here."""
        return self.parameters.get(name)

    def find(self, name: bytes) -> Entry | None:
        """The entry in force."""
        return next((entry for entry in reversed(self.entries) if entry.name == name), None)

    def duplicates(self) -> tuple[Entry, ...]:
        """The entries that a later one of the same name overrides."""
        later: set[bytes] = set()
        overridden = []
        for entry in reversed(self.entries):
            if entry.name in later:
                overridden.append(entry)
            later.add(entry.name)
        return tuple(reversed(overridden))

    def set(self, name: bytes, value: bytes) -> MainCf:
        """Give `name` the value `value`: in place where it stands, beside its kin where it does not.

        Raises ValueError where the pair cannot stand on one logical line.
        """
        _check(name, value)
        entry = self.find(name)
        if entry is None:
            return self._insert(name, value)
        return self._replace(entry, _with_value(entry, value))

    def unset(self, name: bytes) -> MainCf:
        """Remove every line that sets `name`; comments inside them stay."""
        nodes = chain.from_iterable(
            inner_comments(node.source) if isinstance(node, Entry) and node.name == name else (node,)
            for node in self.nodes
        )
        return MainCf(tuple(nodes))

    def _replace(self, old: Entry, new: tuple[Trivia | Entry | Malformed, ...]) -> MainCf:
        nodes = chain.from_iterable(new if node is old else (node,) for node in self.nodes)
        return MainCf(tuple(nodes))

    def replace_entry(self, old: Entry, raw: bytes) -> MainCf:
        """Put other bytes in the place of one entry; they are read again, so what they mean is what they say."""
        return self._replace(old, parse(raw).nodes)

    def _insert(self, name: bytes, value: bytes) -> MainCf:
        at, kin = _place(self.nodes, name)
        separator = _separator(kin or (self.entries[-1] if self.entries else None))
        newline = newline_of(self.render())
        before, after = self.nodes[:at], self.nodes[at:]
        joint = newline if before and not before[-1].raw.endswith(b"\n") else b""
        ending = newline if after or not joint else b""  # a missing final newline stays missing
        raw = name + separator + value + ending
        return MainCf((*before[:-1], *_terminated(before[-1:], joint), *parse(raw).nodes, *after))


def parse(source: bytes) -> MainCf:
    """Read a main.cf; any bytes are a document, what Postfix would refuse is in `malformed`."""
    return MainCf(tuple(node if isinstance(node, Trivia) else _read(node) for node in split(source)))


def parse_file(source: bytes) -> MainCf:
    """The same for a file as it stands on a host: what stands in the same place of others was read before."""
    nodes = split(source)
    return MainCf(tuple(it if isinstance(it, Trivia) else _remembered(it.raw, it.line, it.spans) for it in nodes))


@lru_cache(maxsize=2048)  # a piece of an edited document must not be one of its own nodes, so `parse` is without
def _remembered(raw: bytes, line: int, spans: tuple[tuple[int, int], ...]) -> Entry | Malformed:
    return _read(LogicalLine(raw, line, spans))


def _read(line: LogicalLine) -> Entry | Malformed:
    text = line.text
    if line.is_orphan:
        return Malformed(
            line.raw, line.line, "a continuation line that continues nothing; Postfix ignores it", fatal=False
        )
    found = _UP_TO_VALUE.match(text)
    name = found[0] if found else b""
    if not name:
        return Malformed(line.raw, line.line, "no parameter name before '='", fatal=True)
    after_name = len(text) - len(text[len(name) :].lstrip(BLANKS))
    if text[after_name : after_name + 1] != b"=":
        return Malformed(line.raw, line.line, f"no '=' after {name.decode('utf-8', 'replace')!r}", fatal=True)
    value_start = len(text) - len(text[after_name + 1 :].lstrip(BLANKS))
    value = text[value_start:].rstrip(BLANKS)
    if value:
        value_at = line.offsets(value_start, value_start + len(value))
    else:
        end = line.offset(after_name + 1)
        value_at = (end, end)
    return Entry(line.raw, line.line, name, value, value_at, line)


def _check(name: bytes, value: bytes) -> None:
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no parameter name")
    if b"\n" in value or b"\0" in value or value != value.strip(BLANKS):
        raise ValueError(f"{value!r} does not stand on one line of main.cf")


def _with_value(entry: Entry, value: bytes) -> tuple[Trivia | Entry | Malformed, ...]:
    """The entry with another value on its first line; comments that lay inside it follow it."""
    start, end = entry.value_at
    first_start, first_end = entry.source.spans[0]
    if end <= first_end and len(entry.source.spans) == 1:
        gap = b" " if not entry.value and entry.raw[start - 1 : start] == b"=" and value and _spaced(entry) else b""
        return parse(entry.raw[:start] + gap + value + entry.raw[end:]).nodes
    head = entry.raw[first_start : min(start, first_end)].rstrip(BLANKS)
    newline = newline_of(entry.raw)
    last = b"" if not entry.raw.endswith(b"\n") else newline
    inner = inner_comments(entry.source)
    separator = b" " if _spaced(entry) else b""
    return (*parse(head + separator + value + (newline if inner else last)).nodes, *inner)


def _spaced(entry: Entry) -> bool:
    return entry.raw[len(entry.name) : len(entry.name) + 1] in (b" ", b"\t")


def _separator(neighbour: Entry | None) -> bytes:
    if neighbour is None or not neighbour.value:
        return b" = "
    between = neighbour.raw[len(neighbour.name) : neighbour.value_at[0]]
    return between if b"\n" not in between and b"\t" not in between and len(between) <= 3 else b" = "


def _place(nodes: tuple[Trivia | Entry | Malformed, ...], name: bytes) -> tuple[int, Entry | None]:
    """Where a new `name` goes: after its own commented-out example, else after its nearest kin, else at the end."""
    best, score, kin = len(nodes), 1, None
    for index, node in enumerate(nodes):
        if isinstance(node, Trivia):
            example = _COMMENTED_EXAMPLE.match(node.raw)
            closeness = 99 if example and example[1] == name else 0
        else:
            closeness = _kinship(node.name, name) if isinstance(node, Entry) else 0
        if closeness > 1 and closeness >= score:
            best, score = index + 1, closeness
            kin = node if isinstance(node, Entry) else kin
    while best < len(nodes) and isinstance(nodes[best], Malformed):
        best += 1  # in front of an orphan continuation a new entry would swallow it
    return best, kin


def _kinship(one: bytes, other: bytes) -> int:
    """How many leading words two parameter names share."""
    shared = 0
    for left, right in zip(one.split(b"_"), other.split(b"_"), strict=False):
        if left != right:
            break
        shared += 1
    return shared


def _terminated(last: tuple[Trivia | Entry | Malformed, ...], newline: bytes) -> tuple[Trivia | Entry | Malformed, ...]:
    return parse(last[0].raw + newline).nodes if last and newline else last
