"""Blocks that another tool writes and will write again: between its BEGIN and END comments.

Source: ansible.builtin.blockinfile, whose default markers these are; others keep the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

_BEGIN = re.compile(rb"[ \t]*#+[ \t]*BEGIN[ \t]+(.*?managed.*?)[ \t#]*\r?\n?\Z", re.IGNORECASE)
_END = re.compile(rb"[ \t]*#+[ \t]*END[ \t]+.*managed", re.IGNORECASE)


class _Node(Protocol):
    @property
    def raw(self) -> bytes: ...


Node = TypeVar("Node", bound=_Node)


def is_marker(line: bytes) -> bool:
    return bool(_BEGIN.match(line) or _END.match(line))


def may_have_blocks(document: bytes) -> bool:
    """A quick look: most files have none."""
    return b"begin" in document.lower()


def inside_blocks(nodes: Iterable[Node]) -> Iterator[tuple[Node, str]]:
    """The nodes that stand inside such a block, each with the marker's words. An END that is missing ends nothing."""
    pending: list[tuple[Node, str]] = []
    owner = ""
    for node in nodes:
        for line in node.raw.splitlines() or [b""]:
            begin = _BEGIN.match(line)
            if begin:
                owner, pending = begin[1].decode("utf-8", "replace"), []
            elif _END.match(line) and owner:
                yield from pending
                owner, pending = "", []
        if owner:
            pending.append((node, owner))
