"""A YAML file as a tree of texts, every one of them with its place in the file and the layer it came from.

Named tuples, because a fleet has hundreds of thousands of nodes and these are made four times as fast as frozen
dataclasses.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.errors import Position
from reconciler.model.desired import Origin


class Source(NamedTuple):
    """Where a tree comes from: its file, and its layer (`host`, `group NAME`, `profile NAME`)."""

    file: str
    layer: str


class Scalar(NamedTuple):
    """A text. `plain` is whether it stood there without quotes: an empty plain scalar is a key without a value."""

    text: str
    line: int
    column: int
    source: Source
    plain: bool = True

    @property
    def is_absent(self) -> bool:
        return self.plain and not self.text

    @property
    def origin(self) -> Origin:
        return _origin(self)


class Sequence(NamedTuple):
    items: tuple[Node, ...]
    line: int
    column: int
    source: Source

    @property
    def origin(self) -> Origin:
        return _origin(self)


class Entry(NamedTuple):
    key: Scalar
    value: Node


class Mapping(NamedTuple):
    entries: dict[str, Entry]
    line: int
    column: int
    source: Source

    @property
    def origin(self) -> Origin:
        return _origin(self)


Node = Scalar | Sequence | Mapping


def _origin(node: Node) -> Origin:
    return Origin(Position(node.source.file, node.line, node.column), node.source.layer)


def plain(node: Node) -> object:
    """The tree as dicts, tuples and texts; a key without a value is None."""
    match node:
        case Scalar():
            return None if node.is_absent else node.text
        case Sequence():
            return tuple(map(plain, node.items))
        case Mapping():
            return {key: plain(entry.value) for key, entry in node.entries.items()}


def same(one: object, other: object) -> bool:
    """Whether two pieces say the same at the same places, and in the same order, which dicts do not compare."""
    if one is other:
        return True
    match one, other:
        case (Entry(), Entry()):
            return one.key == other.key and same(one.value, other.value)
        case (Mapping(), Mapping()):
            mine, others = one.entries, other.entries
            return (
                one[1:] == other[1:] and len(mine) == len(others) and all(map(_same_item, mine.items(), others.items()))
            )
        case (Sequence(), Sequence()):
            return (
                one[1:] == other[1:] and len(one.items) == len(other.items) and all(map(same, one.items, other.items))
            )
        case _:
            return type(one) is type(other) and one == other


def _same_item(one: tuple[str, Entry], other: tuple[str, Entry]) -> bool:
    return one[0] == other[0] and same(one[1], other[1])


def entry_at(tree: Mapping, *path: str) -> Entry | None:
    """The key and the value at a path of keys, or None where there is none."""
    node: Node = tree
    entry: Entry | None = None
    for key in path:
        entry = node.entries.get(key) if isinstance(node, Mapping) else None
        if entry is None:
            return None
        node = entry.value
    return entry


def origin_at(tree: Mapping, *path: str | int) -> Origin:
    """Where the value at a path stands: the value itself where it is one, else the key it stands under.

    A path that leads nowhere gives the last place on the way that exists.
    """
    node: Node = tree
    here: Node = tree
    for step in path:
        entry = node.entries.get(step) if isinstance(node, Mapping) and isinstance(step, str) else None
        if entry is not None:
            node = entry.value
            here = entry.key if isinstance(node, Mapping) or _is_absent(node) else node
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            here = node = node.items[step]
        else:
            break
    return here.origin


def key_origin_at(tree: Mapping, *path: str) -> Origin:
    """Where the key at a path stands."""
    entry = entry_at(tree, *path)
    return entry.key.origin if entry is not None else origin_at(tree, *path)


def shown(path: tuple[str | int, ...]) -> str:
    """A path of keys as messages write it: `incoming.policies.senders[2]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _is_absent(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_absent
