"""What changes between two versions of an indexed table, found without reading the rows that are the same."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.postfix import table
from reconciler.postfix.lines import BLANKS

_FEW = 1 << 18  # bytes of source that differ; beyond that a table is better built anew
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Delta:
    """What postmap is told: `put` are rows that are new or different, `gone` are keys, one a line each."""

    put: bytes
    gone: bytes


def between(before: bytes, after: bytes) -> Delta | None:
    """The rows between the first and the last difference; None where that is much of the table.

    A key that stands outside of that stretch too may make it wrong, since of one key the first row counts: whoever uses
    it reads the result back.
    """
    start = _start(before, after)
    end = _common_end(before, after, start)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) + len(new) > _FEW:
        return None
    was, rows = table.parse(old).rows, table.parse(new).rows
    put = b"".join(
        key + b" " + row.value + b"\n" for key, row in rows.items() if key not in was or was[key].value != row.value
    )
    return Delta(put, b"".join(key + b"\n" for key in was if key not in rows))


def _start(before: bytes, after: bytes) -> int:
    """Where the logical line of the first difference begins, or an earlier one."""
    at = _common_start(before, after)
    while at > 0:
        at = max(before.rfind(b"\n", 0, at), after.rfind(b"\n", 0, at)) + 1 if at else 0
        if at == 0 or (_begins(before, at) and _begins(after, at)):
            return at
        at -= 1
    return 0


def _begins(text: bytes, at: int) -> bool:
    """Whether a logical line begins here for sure."""
    return at >= len(text) or text[at] not in BLANKS + b"#\n"


def _common_start(one: bytes, other: bytes) -> int:
    """How many bytes are the same from the start, block by block."""
    at, limit = 0, min(len(one), len(other))
    while at < limit and one[at : at + _BLOCK] == other[at : at + _BLOCK]:
        at += _BLOCK
    at = min(at, limit)
    while at < limit and one[at] == other[at]:
        at += 1
    return at


def _common_end(one: bytes, other: bytes, start: int) -> int:
    """How many bytes are the same from the end, back to where a logical line begins and no further than `start`."""
    limit, same = min(len(one), len(other)) - start, 0
    while same + _BLOCK <= limit and _tail(one, same) == _tail(other, same):
        same += _BLOCK
    while same < limit and one[len(one) - same - 1] == other[len(other) - same - 1]:
        same += 1
    at = len(one) - same
    while at < len(one) and not (at and one[at - 1] == 0x0A and _begins(one, at)):
        at = one.find(b"\n", at) + 1 or len(one)
    return len(one) - at


def _tail(text: bytes, same: int) -> bytes:
    return text[len(text) - same - _BLOCK : len(text) - same]
