"""Which layers of a host's state say something, and which of them wins."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.desired.merging import merge
from reconciler.desired.tree import Mapping, Node, Scalar, Sequence, entry_at, origin_at
from reconciler.model.desired import Declaration, Origin

Layers = tuple[Mapping, ...]  # the lowest first
Steps = tuple[str | int, ...]


def declarations(layers: Layers, origin: Origin) -> tuple[Declaration, ...]:
    """Every layer that says something under the keys at `origin`, the one that wins first.

    An origin outside of the layers, such as a row of a policy file, is all there is to say.
    """
    steps = _steps(merge(layers), origin) if layers else None
    if steps is None:
        return (Declaration((), "", origin, wins=True),)
    keys = tuple(step for step in steps if isinstance(step, str))
    found = [_declaration(layer, keys, steps, origin) for layer in reversed(layers) if entry_at(layer, *keys)]
    return tuple(sorted(found, key=lambda it: not it.wins))


def _declaration(layer: Mapping, keys: tuple[str, ...], steps: Steps, origin: Origin) -> Declaration:
    here = origin_at(layer, *keys)
    wins = here.layer == origin.layer
    entry = entry_at(layer, *keys)
    return Declaration(keys, _text(entry.value) if entry else "", origin_at(layer, *steps) if wins else here, wins)


def _steps(tree: Mapping, origin: Origin) -> Steps | None:
    """The way to the value, or the key, that stands at `origin`."""
    return next((steps for steps, where in _places(tree, ()) if where == origin), None)


def _places(node: Node, steps: Steps) -> Iterator[tuple[Steps, Origin]]:
    match node:
        case Scalar():
            yield steps, node.origin
        case Sequence():
            for index, item in enumerate(node.items):
                yield from _places(item, (*steps, index))
            yield steps, node.origin
        case Mapping():
            for name, entry in node.entries.items():
                yield (*steps, name), entry.key.origin
                yield from _places(entry.value, (*steps, name))


def _text(node: Node) -> str:
    """A value as one line; keys have none."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return ", ".join(filter(None, map(_text, node.items)))
        case Mapping():
            return ""
