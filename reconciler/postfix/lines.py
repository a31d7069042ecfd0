"""Logical lines: the grammar that main.cf, master.cf and lookup tables share.

A logical line ends only where the next physical line starts with neither white space nor `#`. Blank lines and comment
lines, indented or not, never end one: they are passed over, and a continuation may follow them.

Source: `readllines()` in Postfix's util/readlline.c.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from reconciler.frozen import dataclass

BLANKS = b" \t\n\v\f\r"  # C's isspace(); never bytes.strip() without it, and never str.strip(), which follows Unicode


@dataclass(frozen=True, slots=True)
class Trivia:
    """Comment lines and blank lines between logical lines, kept to the byte."""

    raw: bytes
    line: int


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One logical line: its bytes with everything inside it, and its text as Postfix sees it.

    `spans` are the content lines within `raw`, as (start, end) offsets without their line feeds; what lies between
    them are comments and blank lines. `text` is their concatenation, up to the first NUL, where C's strings end.
    """

    raw: bytes
    line: int  # 1-based, of the first content line
    spans: tuple[tuple[int, int], ...]

    @property
    def text(self) -> bytes:
        whole = self.whole
        return whole if b"\0" not in whole else whole[: whole.index(b"\0")]

    @property
    def whole(self) -> bytes:
        """The text and what follows its first NUL, which few of Postfix's checks look at."""
        if len(self.spans) == 1:  # nearly every line of a large table
            start, end = self.spans[0]
            return self.raw[start:end]
        return b"".join(self.raw[start:end] for start, end in self.spans)

    @property
    def is_orphan(self) -> bool:
        """A continuation that continues nothing: Postfix warns and ignores it, or refuses the file."""
        return self.raw[:1] in _BLANK_BYTES

    def offset(self, at: int) -> int:
        """Where the byte `at` of `text` stands in `raw`; at a seam, the end of the line and not the next's start."""
        return self.offsets(at, at)[1]

    def offsets(self, start: int, end: int) -> tuple[int, int]:
        """The slice of `raw` that holds `text[start:end]`."""
        if len(self.spans) == 1:
            first, last = self.spans[0]
            return first + start, min(first + end, last)
        return next(self.slices(((start, end),)))

    def slices(self, found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The slices of `raw` that hold each `text[start:end]`.

        A start sits on its byte, not at a seam before it; an end at the end of its line, not at the next's start.
        """
        ends = tuple(accumulate(stop - begin for begin, stop in self.spans))
        shifts = tuple(stop - end for (_, stop), end in zip(self.spans, ends, strict=True))
        last = len(ends) - 1
        for start, end in found:
            yield (
                start + shifts[min(bisect_right(ends, start), last)],
                min(end + shifts[min(bisect_left(ends, end), last)], self.spans[-1][1]),
            )


_BLANK_BYTES = frozenset(bytes([byte]) for byte in BLANKS)
_NOT_PLAIN = frozenset(BLANKS + b"#")  # a line that begins so is trivia or a continuation


def split(source: bytes) -> tuple[Trivia | LogicalLine, ...]:
    """Cut a file into logical lines and what stands between them; joined again they are `source`, whatever it holds."""
    nodes: list[Trivia | LogicalLine] = []
    lines = source.split(b"\n")
    last = lines.pop()
    physical = [line + b"\n" for line in lines] + ([last] if last else [])
    plain = [line[0] not in _NOT_PLAIN for line in physical]
    plain.append(True)  # the end of the file ends a logical line too
    index = 0
    while index < len(physical):
        if plain[index] and plain[index + 1]:  # one line alone: what a large table is made of
            line = physical[index]
            nodes.append(LogicalLine(line, index + 1, ((0, len(line) - line.endswith(b"\n")),)))
            index += 1
            continue
        if _is_trivia(physical[index]):
            nodes.append(Trivia(physical[index], index + 1))
            index += 1
            continue
        end = _end_of_logical_line(physical, index)
        nodes.append(_logical_line(physical[index:end], index + 1))
        index = end
    return tuple(nodes)


def _is_trivia(line: bytes) -> bool:
    content = line.lstrip(BLANKS)
    return not content or content.startswith(b"#")


def _end_of_logical_line(physical: list[bytes], start: int) -> int:
    """One past the last content line of the logical line at `start`: comments after that belong to the file."""
    end = start + 1
    for index in range(start + 1, len(physical)):
        line = physical[index]
        if _is_trivia(line):
            continue
        if line[:1] not in _BLANK_BYTES:
            break
        end = index + 1
    return end


def _logical_line(lines: list[bytes], number: int) -> LogicalLine:
    spans = []
    at = 0
    for line in lines:
        if not _is_trivia(line):
            spans.append((at, at + len(line) - line.endswith(b"\n")))
        at += len(line)
    return LogicalLine(b"".join(lines), number, tuple(spans))


def newline_of(source: bytes) -> bytes:
    """The line ending a file uses: CRLF where its first line has one."""
    first = source.find(b"\n")
    return b"\r\n" if first > 0 and source[first - 1 : first] == b"\r" else b"\n"


def inner_comments(line: LogicalLine) -> tuple[Trivia, ...]:
    """The comment lines that lie between the content lines of a logical line; blank lines there are dropped."""
    gaps = zip((end for _, end in line.spans), (start for start, _ in line.spans[1:]), strict=False)
    kept: list[Trivia] = []
    for gap_start, gap_end in gaps:
        at = line.line + line.raw.count(b"\n", 0, gap_start) + 1
        physical = line.raw[gap_start:gap_end].split(b"\n")[1:-1]
        kept += [Trivia(text + b"\n", at + index) for index, text in enumerate(physical) if text.strip(BLANKS)]
    return tuple(kept)
