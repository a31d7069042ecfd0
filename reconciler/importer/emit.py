"""Keys and values as YAML that `reconciler.desired.document` reads back exactly, in the form a person would write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Union

Value = Union[str, tuple[str, ...], Mapping[str, "Value"]]  # noqa: UP007 # it names itself

_WIDTH = 100  # characters of a list on one line
_REST = r"[A-Za-z0-9/_.$@+=<>!:%~^*()?-]"
_PLAIN = re.compile(rf"[A-Za-z0-9/_.$]{_REST}*(?: {_REST}+)*")
_NOT_TEXT = frozenset({"null", "true", "false", "on", "off", "y", "n"})  # to an editor's parser, not to ours


def scalar(text: str) -> str:
    """A text as it stands behind a key, or as a key: without quotes where YAML takes it for what it is.

    Raises ValueError where it holds what a state file cannot hold: control characters, hidden ones, bytes.
    """
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a character that does not show")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    if plain and ": " not in text and not text.endswith(":"):
        return text
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def block(keys: Mapping[str, Value], indent: int = 0) -> Iterator[str]:
    """The keys with their values, one line each, without line ends; a section without keys is left out."""
    lead = " " * indent
    for key, value in keys.items():
        match value:
            case str():
                yield f"{lead}{scalar(key)}: {scalar(value)}"
            case tuple():
                yield from _list(lead, key, value)
            case _ if value:
                yield f"{lead}{scalar(key)}:"
                yield from block(value, indent + 2)


def flow(items: tuple[str, ...]) -> str:
    return f"[{', '.join(map(scalar, items))}]"


def _list(lead: str, key: str, items: tuple[str, ...]) -> Iterator[str]:
    on_one_line = f"{lead}{scalar(key)}: {flow(items)}"
    if len(on_one_line) <= _WIDTH:
        yield on_one_line
        return
    yield f"{lead}{scalar(key)}:"
    yield from (f"{lead}  - {scalar(item)}" for item in items)


def comment(text: str, indent: int = 0) -> str:
    """One line of comment, whatever the text holds."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)
    return f"{' ' * indent}# {shown}"
