"""A host file edited as a person would: one value replaced, one key put where it belongs; every other byte stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from reconciler.importer import emit
from reconciler.importer.emit import Value

_ORDER = (
    "profile", "groups", "enforce", "observe", "certificates", "incoming", "outgoing", "submission", "submissions",
    "parameters", "waivers",
)  # fmt: skip
_EMPTY = ("", "~", "null")


class CannotEdit(ValueError):
    """The file is written in a way that leaves no place for the value; the text says which."""


def put(text: str, path: Sequence[str], value: Value) -> str:
    """The text with a value at a path of keys: replaced where it stands, else inserted.

    `text` is one that `reconciler.desired.document` has read. Raises CannotEdit.
    """
    node = _root(text)
    for depth, key in enumerate(path):
        entry = _entry(node, key)
        if entry is None:
            return _insert(text, node, path[depth:], value, top=depth == 0)
        inner = entry[1]
        if _is_alias(entry):
            raise CannotEdit(f"{'.'.join(path[: depth + 1])} is an alias of a value that stands elsewhere")
        if depth == len(path) - 1:
            return _replace(text, inner, value)
        if isinstance(inner, yaml.ScalarNode) and inner.value in _EMPTY:
            return _fill(text, entry, path[depth + 1 :], value)
        if not isinstance(inner, yaml.MappingNode):
            raise CannotEdit(f"{'.'.join(path[: depth + 1])} holds one value, and keys belong below it")
        node = inner
    raise CannotEdit("the path is empty")


def drop(text: str, path: Sequence[str]) -> str:
    """The text without the key at a path, and without its lines; comments above it stay.

    Raises CannotEdit where it stands among others on one line, or is not there.
    """
    node = _root(text)
    for key in path[:-1]:
        entry = _entry(node, key)
        if entry is None or not isinstance(entry[1], yaml.MappingNode):
            raise CannotEdit(f"{'.'.join(path)} does not stand in the host file")
        node = entry[1]
    entry = _entry(node, path[-1])
    if entry is None:
        raise CannotEdit(f"{'.'.join(path)} does not stand in the host file")
    if node.flow_style:
        raise CannotEdit(f"{'.'.join(path)} stands among others on one line; remove it by hand")
    start = text.rfind("\n", 0, entry[0].start_mark.index) + 1
    return text[:start] + text[_end_of_line(text, _end(entry[1])) :]


def find(text: str, path: Sequence[str]) -> dict[str, str]:
    """The scalar entries of the mapping at a path, as they are written; none where there is no such mapping."""
    node: yaml.Node = _root(text)
    for key in path:
        entry = _entry(node, key)
        if entry is None:
            return {}
        node = entry[1]
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: item.value for key, item in node.value if isinstance(item, yaml.ScalarNode)}


def has(text: str, path: Sequence[str]) -> bool:
    """Whether a key stands in this very file, and not only in a layer below it."""
    node: yaml.Node = _root(text)
    for key in path:
        entry = _entry(node, key)
        if entry is None:
            return False
        node = entry[1]
    return True


_Entry = tuple[yaml.ScalarNode, yaml.Node]


def _root(text: str) -> yaml.MappingNode:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise CannotEdit("the host file holds no keys")
    return root


def _entry(node: yaml.Node, key: str) -> _Entry | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((entry for entry in node.value if entry[0].value == key), None)


def _is_alias(entry: _Entry) -> bool:
    """Whether the value is one that stands elsewhere: an anchor always comes before its aliases."""
    key, value = entry
    return bool(value.start_mark.index < key.end_mark.index)


def _end(node: yaml.Node) -> int:
    """Where a node's last character stands; a block's own mark lies behind the comments that follow it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(node, item) for item in node.value]
    return max(_behind(key, value) for key, value in pairs)


def _behind(key: yaml.Node, value: yaml.Node) -> int:
    start = key.end_mark.index if isinstance(key, yaml.ScalarNode) else key.start_mark.index
    return max(int(start), _end(value))


def _replace(text: str, node: yaml.Node, value: Value) -> str:
    start, end = node.start_mark.index, _end(node)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        raise CannotEdit("the value is a block of text; replace it by hand")
    if not isinstance(node, yaml.ScalarNode) and ("#" in text[start:end] or isinstance(value, str)):
        raise CannotEdit("the value is written over several lines; replace it by hand")
    gap = " " if start == end and text[start - 1 : start] == ":" else ""
    return text[:start] + gap + _inline(value) + text[end:]


def _inline(value: Value) -> str:
    match value:
        case str():
            return emit.scalar(value)
        case tuple():
            return emit.flow(value)
        case _:
            return "{" + ", ".join(f"{emit.scalar(key)}: {_inline(item)}" for key, item in value.items()) + "}"


def _fill(text: str, entry: _Entry, path: Sequence[str], value: Value) -> str:
    """Keys below one that has none yet."""
    if entry[1].value:
        raise CannotEdit(f"{entry[0].value}: {entry[1].value} leaves no place for keys below it")
    return _lines_after(text, entry[0].end_mark.index, _nested(path, value), entry[0].start_mark.column + 2)


def _insert(text: str, node: yaml.MappingNode, path: Sequence[str], value: Value, *, top: bool) -> str:
    keys = _nested(path, value)
    if node.flow_style:
        end = _end(node.value[-1][1]) if node.value else node.start_mark.index + 1
        joint = ", " if node.value else ""
        return text[:end] + joint + _inline(keys)[1:-1] + text[end:]
    if not top:
        return _beside(text, node, keys)
    before = [entry for entry in node.value if _rank(entry[0].value) <= _rank(path[0])]
    if before:
        return _lines_after(text, max(_end(it) for _, it in before), keys, 0, gap=True)
    start = node.value[0][0].start_mark.index
    ending = _newline(text)
    return text[:start] + ending.join(emit.block(keys)) + ending + ending + text[start:]


def _beside(text: str, node: yaml.MappingNode, keys: Mapping[str, Value]) -> str:
    """Below the last key that has its value on its own line, so that what is long stays at the end."""
    indent = node.value[0][0].start_mark.column
    short = [entry for entry in node.value if not _is_block(entry[1])]
    if short:
        return _lines_after(text, max(_behind(key, value) for key, value in short), keys, indent)
    start = text.rfind("\n", 0, node.value[0][0].start_mark.index) + 1
    lines = "".join(line + _newline(text) for line in emit.block(keys, indent))
    return text[:start] + lines + text[start:]


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _rank(key: str) -> int:
    return _ORDER.index(key) if key in _ORDER else -1


def _nested(path: Sequence[str], value: Value) -> Mapping[str, Value]:
    for key in reversed(path[1:]):
        value = {key: value}
    return {path[0]: value}


def _lines_after(text: str, at: int, keys: Mapping[str, Value], indent: int, *, gap: bool = False) -> str:
    """The keys on lines of their own, below the line that holds `at`."""
    ending = _newline(text)
    place = _end_of_line(text, at)
    joint = "" if text[:place].endswith("\n") else ending
    lines = [*([""] if gap else []), *emit.block(keys, indent)]
    return text[:place] + joint + "".join(line + ending for line in lines) + text[place:]


def _end_of_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
