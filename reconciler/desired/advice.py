"""What a YAML parser's complaint means to somebody who writes Postfix's words without quotes."""

from __future__ import annotations

import re

import yaml

from reconciler.errors import Position, Problem

_BRACKET_KEY = re.compile(r"\[[^\[\]]*\]:[^\s,}]+")  # [mx.example]:587
_SIGNS = {
    ">": "'>' begins a block of text in YAML",
    "|": "'|' begins a block of text in YAML",
    "*": "'*' begins an alias in YAML",
    "&": "'&' begins an anchor in YAML",
    "!": "'!' begins a tag in YAML",
    "@": "YAML keeps '@' for itself",
    "`": "YAML keeps '`' for itself",
    "%": "YAML keeps '%' for itself",
}


def quoted(text: str) -> str:
    """The text in the quotes that YAML reads back as it stands."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def explain(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """The problem behind a parser's error, at the place where a person has to change something."""
    lines = text.split("\n")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem(Position(file), f"this is no YAML: {str(error).splitlines()[0]}", fix="correct the file")
    at = error.problem_mark
    begun = error.context_mark or at
    line = _line(lines, at.line)
    if (tab := _tab(line, at.column)) is not None:
        place = Position(file, at.line + 1, tab + 1)
        return Problem(place, "a tab; YAML indents with spaces only", fix="replace it with spaces")
    for row, column in ((begun.line, begun.column), (at.line, at.column)):
        sign = _line(lines, row)[column : column + 1]
        if sign in _SIGNS and sign:
            words = value_at(_line(lines, row), column)
            return Problem(Position(file, row + 1, column + 1), _SIGNS[sign], fix=f"quote it: {quoted(words)}")
    for row in (at.line, at.line - 1):
        key = next((found for found in _BRACKET_KEY.finditer(_line(lines, row))), None)
        if key:
            place = Position(file, row + 1, key.start() + 1)
            name = key[0].rstrip(":")
            return Problem(place, "'[' begins a list in YAML", fix=f"quote it: {quoted(name)}")
    return _generic(error, Position(file, at.line + 1, at.column + 1))


def _line(lines: list[str], number: int) -> str:
    return lines[number].rstrip("\r") if 0 <= number < len(lines) else ""


def _tab(line: str, column: int) -> int | None:
    """Where a tab stands in what should be the line's indentation, or at the place of the error."""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return indent.index("\t")
    return column if line[column : column + 1] == "\t" else None


def value_at(line: str, column: int) -> str:
    """The words from `column` to the end of the value, as the writer meant them."""
    before, rest = line[:column], line[column:].split(" #", maxsplit=1)[0]
    if before.count("[") > before.count("]") or before.count("{") > before.count("}"):
        rest = re.split(r"[,\]}]", rest, maxsplit=1)[0]
    elif not before.strip(" -?") and ": " in rest:
        rest = rest.split(": ")[0]  # it is a key
    return rest.strip().rstrip(":")


def _generic(error: yaml.MarkedYAMLError, place: Position) -> Problem:
    problem = error.problem or "it cannot be read"
    if "mapping values are not allowed" in problem:
        return Problem(
            place, "a ': ' inside a value, or a key that is not indented like its neighbours", fix="quote the value"
        )
    context = f"{error.context}, " if error.context else ""
    return Problem(place, f"this is no YAML: {context}{problem}", fix="close what was opened, and indent with spaces")
