"""Policy files: TLS policy rows in Postfix's own table syntax, the form for thousands of them.

Stricter than postmap, which drops a row without a value or with a key it has seen, warns, and exits with 0.
"""

from __future__ import annotations

from reconciler.desired import readers
from reconciler.desired.characters import named
from reconciler.errors import Position, Problem, StateInvalid
from reconciler.frozen import dataclass
from reconciler.postfix import table
from reconciler.postfix.table import Row


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row; `line` is 1-based."""

    key: str
    value: str
    line: int


def read(path: str, data: bytes) -> tuple[MapRow, ...]:
    """The rows of a policy file in the order of the file.

    Raises StateInvalid with every line that is no row of a TLS policy table.
    """
    if (at := data.find(b"\0")) >= 0:
        where = Position(path, data.count(b"\n", 0, at) + 1)
        raise StateInvalid((Problem(where, f"the row holds {named(chr(0))}", fix="remove it"),))
    document = table.parse(data)
    checked: dict[str, str | None] = {}  # right-hand sides repeat: each is read once
    first: dict[bytes, int] = {}
    rows: list[MapRow] = []
    problems = [
        Problem(Position(path, line.line), line.what, fix="write 'NEXTHOP LEVEL', such as 'bank.example secure'")
        for line in document.malformed
    ]
    for node in document.nodes:
        if not isinstance(node, Row):
            continue
        problem = _repeated(path, node, first) or _wrong(path, node, checked)
        if problem is None:
            rows.append(MapRow(node.key.decode(), " ".join(node.value.decode().split()), node.line))
        else:
            problems.append(problem)
    if problems:
        raise StateInvalid(tuple(problems))
    return tuple(rows)


def _repeated(path: str, row: Row, first: dict[bytes, int]) -> Problem | None:
    line = first.setdefault(row.key, row.line)
    if line == row.line:
        return None
    what = f"{row.key.decode()!r} stands twice, first in line {line}"
    return Problem(Position(path, row.line), what, "keep one of them", "postmap takes the first and drops this one")


def _wrong(path: str, row: Row, checked: dict[str, str | None]) -> Problem | None:
    key, value = row.key.decode(), row.value.decode()
    for text in (key, value.replace("\t", " ").replace("\r\n", "  ").replace("\r", " ")):
        if not text.isprintable():
            hidden = next(char for char in text if not char.isprintable())
            return Problem(Position(path, row.line), f"the row holds {named(hidden)}", fix="remove it")
    try:
        readers.nexthop(key)
    except ValueError as error:
        return _problem(Position(path, row.line), str(error))
    if value not in checked:
        checked[value] = _complaint(value)
    complaint = checked[value]
    if complaint is None:
        return None
    at = row.raw.find(row.value.split(None, 1)[0], len(row.key))  # -1 where a quoted key hides it: the row, then
    return _problem(Position(path, row.line, len(row.raw[: max(at, 0)].decode("utf-8", "replace")) + 1), complaint)


def _complaint(value: str) -> str | None:
    try:
        readers.policy_text(value)
    except ValueError as error:
        return str(error)
    return None


def _problem(position: Position, text: str) -> Problem:
    what, _, fix = text.partition("; ")
    return Problem(position, what, fix)
