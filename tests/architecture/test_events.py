"""One list of events: what the code says, what the list has, and what the reference shows, are the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.model import event
from reconciler.model.event import EVENTS

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
NAME = re.compile(r"[a-z]+\.[a-z_]+")


def said(tree: ast.AST) -> Iterator[str]:
    """The first argument of everything that looks like a logger's call, where it is written out."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and node.args
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_every_event_in_the_code_is_in_the_list() -> None:
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "reconciler").rglob("*.py")
        for name in said(ast.parse(path.read_text()))
        if name not in EVENTS
    }
    assert unknown == set()


def test_every_name_is_noun_and_participle() -> None:
    assert [name for name in EVENTS if not NAME.fullmatch(name)] == []
    constants = {value for name, value in vars(event).items() if name.isupper() and isinstance(value, str)}
    assert constants <= EVENTS.keys()


def test_the_reference_shows_the_list() -> None:
    _, _, table = (ROOT / "docs/reference/events.md").read_text().partition("| name |")
    shown = [line for line in table.splitlines() if line.startswith("| `")]
    assert shown == [
        f"| `{name}` | {meant.level} | {'yes' if meant.kept else ''} | {meant.says} |" for name, meant in EVENTS.items()
    ]
