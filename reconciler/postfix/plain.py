"""Plain tables: a row a line, its key as a lookup finds it. Two versions of one are compared without reading the rows.

What makes a table plain is what makes that sound: no continuation lines, no quotes, no key to be folded, only ASCII.
So every line means the same wherever it stands, and a key is there exactly where its bytes stand at a line's start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from reconciler.frozen import dataclass
from reconciler.postfix.lines import BLANKS

LARGE = 1 << 20  # bytes; smaller tables are read in a moment
_BLOCK = 1 << 18
_SMALL = 1 << 13  # a stretch that is not worth cutting in two
_KEY = rb"[a-z0-9._:\[\]-]+"
_ROW = _KEY + rb"[ \t]+[!-~][\t\r -~]*"
_NOT_PLAIN = re.compile(rb"^(?!" + _ROW + rb"$|#|[ \t\r]*$)", re.MULTILINE)
_FIRST_KEY = re.compile(rb"^(" + _KEY + rb")[ \t]", re.MULTILINE)


class Text(Protocol):
    """A table that need not lie in memory."""

    @property
    def size(self) -> int:
        """In bytes."""

    def piece(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`."""

    def find(self, what: bytes, start: int, end: int) -> int:
        """Where `what` begins, wholly between `start` and `end`; -1 where it is not there."""


@dataclass(frozen=True, slots=True)
class InMemory:
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def piece(self, start: int, end: int) -> bytes:
        return self.content[start:end]

    def find(self, what: bytes, start: int, end: int) -> int:
        return self.content.find(what, start, end)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Whole lines that differ: `start` to `end` of the one text, `other_start` to `other_end` of the other."""

    start: int
    end: int
    other_start: int
    other_end: int


def is_plain(content: bytes) -> bool:
    return _NOT_PLAIN.search(content) is None


def keys(content: bytes) -> Iterator[bytes]:
    """The keys of a plain table, in its order."""
    return (found[1] for found in _FIRST_KEY.finditer(content))


def holds(text: Text, key: bytes, start: int, end: int) -> bool:
    """Whether a plain table has a row of this key between `start` and `end`, which begin lines."""
    first = text.piece(0, min(len(key) + 1, end)) if start == 0 else b""
    if first[:-1] == key and first[-1:] in _BLANK:
        return True
    line, at = b"\n" + key, max(start - 1, 0)
    while (at := text.find(line, at, end)) >= 0:
        at += len(line)
        if at < end and text.piece(at, at + 1) in _BLANK:
            return True
    return False


_BLANK = frozenset((b" ", b"\t"))


def hunks(one: Text, other: Text) -> tuple[Hunk, ...]:
    """Where two plain tables differ, in order and apart; what lies between is the same, line by line."""
    return tuple(_hunks(one, other, Hunk(0, one.size, 0, other.size)))


def _hunks(one: Text, other: Text, inside: Hunk) -> Iterator[Hunk]:
    found = _narrowed(one, other, inside)
    if found.start == found.end and found.other_start == found.other_end:
        return
    same = _same_line(one, other, found)
    if same is None:
        yield found
        return
    at, other_at = same
    yield from _hunks(one, other, Hunk(found.start, at, found.other_start, other_at))
    yield from _hunks(one, other, Hunk(at, found.end, other_at, found.other_end))


def _narrowed(one: Text, other: Text, inside: Hunk) -> Hunk:
    """Without the lines that both begin and both end with."""
    limit = min(inside.end - inside.start, inside.other_end - inside.other_start)
    same = _common_start(one, other, inside, limit)
    if same < inside.end - inside.start or same < inside.other_end - inside.other_start:
        same = _line_start(one, inside.start, inside.start + same) - inside.start
    rest = Hunk(inside.start + same, inside.end, inside.other_start + same, inside.other_end)
    tail = _common_end(one, other, rest, limit - same)
    tail = rest.end - _line_end(one, rest.end - tail, rest.end)
    return Hunk(rest.start, rest.end - tail, rest.other_start, rest.other_end - tail)


def _common_start(one: Text, other: Text, inside: Hunk, limit: int) -> int:
    at = 0
    while at < limit:
        size = min(_BLOCK, limit - at)
        left = one.piece(inside.start + at, inside.start + at + size)
        right = other.piece(inside.other_start + at, inside.other_start + at + size)
        if left != right:
            return at + _agreeing(left, right)
        at += size
    return limit


def _common_end(one: Text, other: Text, inside: Hunk, limit: int) -> int:
    at = 0
    while at < limit:
        size = min(_BLOCK, limit - at)
        left = one.piece(inside.end - at - size, inside.end - at)
        right = other.piece(inside.other_end - at - size, inside.other_end - at)
        if left != right:
            return at + _agreeing(left[::-1], right[::-1])
        at += size
    return limit


def _agreeing(left: bytes, right: bytes) -> int:
    """How many bytes two different strings of one length begin with in common."""
    low, high = 0, len(left)
    while high - low > 1:
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _line_start(text: Text, start: int, at: int) -> int:
    """The start of the line that `at` lies in, where lines begin at `start`."""
    while at > start:
        begin = max(start, at - _SMALL)
        found = text.piece(begin, at).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return start


def _line_end(text: Text, at: int, end: int) -> int:
    """Where the next line begins after the line that `at` lies in; `end` where none does."""
    found = text.find(b"\n", at, end)
    return found + 1 if found >= 0 else end


def _same_line(one: Text, other: Text, inside: Hunk) -> tuple[int, int] | None:
    """A row that stands in both, past the start of at least one; None where the stretch is not worth the search.

    It is looked for from the middle of the one, in all of the other: a row is in a table once.
    """
    if min(inside.end - inside.start, inside.other_end - inside.other_start) < _SMALL:
        return None
    at = _line_end(one, (inside.start + inside.end) // 2, inside.end)
    for _ in range(_TRIES):
        end = _line_end(one, at, inside.end)
        line = one.piece(at, end)
        if line.endswith(b"\n") and line[:1] not in _NO_ROW:
            found = other.find(b"\n" + line, inside.other_start, inside.other_end)
            if found >= 0:
                return at, found + 1
        if end >= inside.end:
            return None
        at = end
    return None


_TRIES = 64
_NO_ROW = frozenset((b"#", *(bytes([it]) for it in BLANKS)))
