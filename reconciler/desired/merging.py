"""Layers laid over one another: profile ← groups in their order ← host. Maps merge, lists and single values replace."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.desired.tree import Entry, Mapping, Node, Scalar, Sequence, Source

# A certificate is one of these; where an upper layer names one, it replaces whatever kind a lower layer named.
_KINDS_OF_CERTIFICATE = ({"chain_files"}, {"cert_file", "key_file"}, {"certbot"})


def merge(layers: Iterable[Mapping]) -> Mapping:
    """The layers as one tree, the first the lowest; every value keeps the place and the layer it comes from."""
    merged: Mapping | None = None
    for layer in layers:
        merged = layer if merged is None else _over(merged, layer)
    if merged is None:
        raise ValueError("there is no layer")
    return merged


def _over(lower: Mapping, upper: Mapping) -> Mapping:
    entries = {key: entry for key, entry in lower.entries.items() if key not in _replaced(upper)}
    for key, entry in upper.entries.items():
        below = entries.get(key)
        if below is None:
            entries[key] = entry
        elif isinstance(below.value, Mapping) and isinstance(entry.value, Mapping):
            entries[key] = Entry(entry.key, _over(below.value, entry.value))
        elif not (isinstance(below.value, Mapping) and _is_empty(entry.value)):  # `incoming:` alone takes nothing away
            entries[key] = entry
    return Mapping(entries, upper.line, upper.column, upper.source)


def _replaced(upper: Mapping) -> frozenset[str]:
    named = [kind for kind in _KINDS_OF_CERTIFICATE if kind & upper.entries.keys()]
    return frozenset().union(*(kind for kind in _KINDS_OF_CERTIFICATE if kind not in named)) if named else frozenset()


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_absent


def labelled(tree: Mapping, layer: str) -> Mapping:
    """The same tree as part of another layer: a group is a piece of fleet.yaml."""
    source = Source(tree.source.file, layer)

    def again(node: Node) -> Node:
        match node:
            case Scalar():
                return node._replace(source=source)
            case Sequence():
                return node._replace(items=tuple(map(again, node.items)), source=source)
            case Mapping():
                return mapping(node)

    def mapping(node: Mapping) -> Mapping:
        entries = {
            key: Entry(entry.key._replace(source=source), again(entry.value)) for key, entry in node.entries.items()
        }
        return node._replace(entries=entries, source=source)

    return mapping(tree)
