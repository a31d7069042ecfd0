"""YAML text → tree, so that it cannot surprise.

Built from PyYAML's parse events alone: nothing is constructed by it, every scalar stays the text that was written, and
depth is counted on the events (PyYAML's own loaders crash at 50,000 nested brackets). Refused are duplicate keys, tags,
several documents, keys that are no text, aliases beyond a limit, and every character that does not show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

import yaml

from reconciler.desired import few
from reconciler.desired.advice import explain, quoted
from reconciler.desired.characters import named
from reconciler.desired.tree import Entry, Mapping, Node, Scalar, Sequence, Source
from reconciler.errors import Position, Problem, StateInvalid

MAXIMUM_SIZE = 1 << 20  # bytes
MAXIMUM_DEPTH = 64
MAXIMUM_ALIASES = 100
MAXIMUM_EXPANDED = 10_000  # nodes that aliases may add to a file

# YAML has no place for the first group; of the second it makes line ends that no editor shows; the third changes the
# order in which a reviewer sees the text, in comments too.
_NOWHERE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|\r(?!\n)|[\u2028\u2029]|[\u202a-\u202e\u2066-\u2069]"
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Unreadable(Exception):  # it carries nothing: the problem is on the list already
    """Reading on would only produce errors that follow from the last one."""


def parse(data: bytes, source: Source) -> Mapping:
    """Read one file of the state repository.

    Raises StateInvalid with everything that is wrong with it as YAML, each with its place.
    """
    text = _decode(data, source)
    builder = _Builder(text, source)
    tree = builder.document()
    if builder.problems or tree is None:
        raise StateInvalid(tuple(builder.problems))
    return tree


def _decode(data: bytes, source: Source) -> str:
    if len(data) > MAXIMUM_SIZE:
        raise _invalid(
            Problem(
                Position(source.file),
                f"the file is {len(data)} bytes long, and {MAXIMUM_SIZE} is the limit",
                fix="put large policy tables into policies/*.map and name them under outgoing.policy_files",
            ),
        )
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        raise _invalid(
            Problem(
                _place(source, before, len(before)),
                f"the byte 0x{data[error.start]:02x} is not UTF-8",
                fix="save the file as UTF-8",
            ),
        ) from error
    hidden = _NOWHERE.search(text)
    if hidden:
        raise _invalid(
            Problem(_place(source, text, hidden.start()), f"the file holds {named(hidden[0])}", fix="remove it"),
        )
    return text


def _invalid(problem: Problem) -> StateInvalid:
    return StateInvalid((problem,))


def _place(source: Source, text: str, at: int) -> Position:
    start = text.rfind("\n", 0, at) + 1
    return Position(source.file, text.count("\n", 0, at) + 1, at - start + 1)


class _Builder:
    """One pass over the events of one file."""

    def __init__(self, text: str, source: Source) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._source = source
        self._anchors: dict[str, Node | None] = {}  # None while the node is still being built
        self._path: list[str] = []
        self._depth = 0
        self._aliases = 0
        self._expanded = 0
        self._events: Iterator[yaml.Event] = iter(())

    def document(self) -> Mapping | None:
        """The file's one mapping, or None where there is a problem that leaves none."""
        try:
            self._events = iter(_Loader(self._text).get_event, None)
            return self._single_mapping()
        except yaml.YAMLError as error:
            problem = explain(error, self._text, self._source.file)
            # `[mx]:587: x` is a list as a key first, and broken only after it: one mistake, one error
            self.problems = [seen for seen in self.problems if seen.position != problem.position] + [problem]
        except _Unreadable:
            pass
        return None

    def _single_mapping(self) -> Mapping | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self._stop(event, "a second YAML document begins here", "one file is one document; remove the '---'")
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event)
        if isinstance(root, Mapping):
            return root
        if root is None or (isinstance(root, Scalar) and root.is_absent):
            self._problem_at(1, 1, "the file is empty", "write the keys of its schema, or remove the file")
        elif not self.problems:
            kind = "a list" if isinstance(root, Sequence) else "a single text"
            self._problem_at(root.line, root.column, f"the file is {kind}", "write keys with values: 'key: value'")
        return None

    def _node(self, event: yaml.NodeEvent) -> Node:
        if type(event) is yaml.ScalarEvent and event.tag is None and event.anchor is None:  # as nearly all are
            return self._scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._tagged(event, str(tag))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        else:
            self._depth += 1
            if self._depth > MAXIMUM_DEPTH:
                self._stop(
                    event, f"nested more than {MAXIMUM_DEPTH} levels deep", "nothing in these files goes so deep"
                )
            node = self._mapping(event) if isinstance(event, yaml.MappingStartEvent) else self._sequence(event)
            self._depth -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        text = event.value
        if not text.isprintable():  # controls, line ends, every space but U+0020, and all that has no width
            self._hidden(event, text)
        return Scalar(text, *_at(event), self._source, not event.style)

    def _hidden(self, event: yaml.ScalarEvent, text: str) -> None:
        at = next(index for index, char in enumerate(text) if not char.isprintable())
        what = f"the text holds {named(text[at])} at character {at + 1}"
        fix = "write it on one line" if text[at] == "\n" else "remove it"
        why = "Postfix's files are made of lines: a hidden character changes what a line says, or where it ends"
        self._problem(event, self._under(what), fix, why)

    def _mapping(self, event: yaml.NodeEvent) -> Mapping:
        entries: dict[str, Entry] = {}
        inherited: dict[str, Entry] = {}
        for key_event in self._events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key = self._key(key_event)
            text = key.text if key else "?"
            self._path.append(text)
            value = self._node(self._next())
            self._path.pop()
            if key is None:
                continue
            if text == "<<" and key.plain:
                inherited.update(self._merged(key, value))
            elif text in entries:
                what = f"the key {text!r} stands twice, first in line {entries[text].key.line}"
                self._problem_at(key.line, key.column, self._under(what), "keep one of them")
            else:
                entries[text] = Entry(key, value)
        return Mapping({**inherited, **entries} if inherited else entries, *_at(event), self._source)

    def _key(self, event: yaml.Event) -> Scalar | None:
        if not isinstance(event, yaml.NodeEvent):  # pragma: no cover # libyaml gives a node or the end
            raise _Unreadable
        node = self._node(event)
        if isinstance(node, Scalar) and not node.is_absent:
            return node
        if isinstance(node, Scalar):
            self._problem(event, self._under("a key is missing before ':'"), "write the key")
            return None
        written = self._rest_of_line(event).split("]")[0] + "]"
        fix = f"quote it: {quoted(written)}" if isinstance(node, Sequence) else "write a text before the ':'"
        self._problem(event, self._under("this key is no text; '[' and '{' open a list and a mapping"), fix)
        return None

    def _merged(self, key: Scalar, value: Node) -> dict[str, Entry]:
        """What `<<: *anchor` brings: of several mappings the first has the last word, and the mapping's own keys do."""
        sources = value.items if isinstance(value, Sequence) else (value,)
        merged: dict[str, Entry] = {}
        for source in reversed(sources):
            if not isinstance(source, Mapping):
                self._problem_at(key.line, key.column, self._under("'<<' takes a mapping"), "name one with '*anchor'")
                break
            merged.update(source.entries)
        return merged

    def _sequence(self, event: yaml.NodeEvent) -> Sequence:
        items: list[Node] = []
        for item in self._events:
            if not isinstance(item, yaml.NodeEvent):
                break
            self._path.append(f"[{len(items)}]")
            items.append(self._node(item))
            self._path.pop()
        return Sequence(tuple(items), *_at(event), self._source)

    def _alias(self, event: yaml.AliasEvent) -> Node:
        name = event.anchor or ""
        if name not in self._anchors:
            self._problem(event, self._under(f"'*{name}' is an alias of nothing"), f"quote it: {quoted('*' + name)}")
            return Scalar("", *_at(event), self._source, plain=False)
        node = self._anchors[name]
        if node is None:
            self._stop(event, f"'*{name}' stands inside what it refers to", "write the value out")
        self._aliases += 1
        if self._aliases > MAXIMUM_ALIASES:
            self._stop(
                event, f"more than {MAXIMUM_ALIASES} aliases", "write the values out, or use groups in fleet.yaml"
            )
        self._expanded += _weight(node, MAXIMUM_EXPANDED)
        if self._expanded > MAXIMUM_EXPANDED:
            self._stop(
                event,
                f"the aliases expand to more than {MAXIMUM_EXPANDED} values",
                "write the values out, or use groups",
            )
        return node

    def _tagged(self, event: yaml.Event, tag: str) -> None:
        line = self._rest_of_line(event)
        words = line.split(" #")[0].rstrip()
        if tag.startswith("!") and not tag.startswith(("!!", "!<")) and tag != "!":
            self._problem(event, self._under(f"{tag!r} is a YAML tag here, not a text"), f"quote it: {quoted(words)}")
        else:
            self._problem(
                event,
                self._under(f"the YAML tag {line.split(' ')[0]!r} asks for an object to be built"),
                "remove the tag; values are texts here",
                "a file of the repository must not be able to run code where it is read",
            )

    def _rest_of_line(self, event: yaml.Event) -> str:
        line, column = _at(event)
        return self._text.split("\n")[line - 1][column - 1 :]

    def _next(self) -> yaml.NodeEvent:
        event = next(self._events)
        if not isinstance(event, yaml.NodeEvent):  # pragma: no cover # libyaml gives a value after each key
            raise _Unreadable
        return event

    def _under(self, what: str) -> str:
        path = ".".join(self._path).replace(".[", "[")
        return f"{path}: {what}" if path else what

    def _problem(self, event: yaml.Event, what: str, fix: str, why: str = "") -> None:
        self._problem_at(*_at(event), what, fix, why)

    def _problem_at(self, line: int, column: int, what: str, fix: str, why: str = "") -> None:
        self.problems.append(Problem(Position(self._source.file, line, column), what, fix, why))
        if len(self.problems) > few.MOST:
            self.problems = list(few.few(self.problems))
            raise _Unreadable

    def _stop(self, event: yaml.Event, what: str, fix: str) -> NoReturn:
        self._problem(event, what, fix)
        raise _Unreadable


def _at(event: yaml.Event) -> tuple[int, int]:
    """The line and the column where an event begins, counted from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _weight(node: Node, limit: int) -> int:
    """How many nodes there are in and below one, counted no further than just above `limit`."""
    pending = [node]
    count = 0
    while pending and count <= limit:
        node = pending.pop()
        count += 1
        if isinstance(node, Sequence):
            pending += node.items
        elif isinstance(node, Mapping):
            pending += [entry.value for entry in node.entries.values()]
    return count
