"""One plain line alone is the common case, and read on a short way: the grammar is the same on both."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reconciler.postfix import lines
from reconciler.postfix.lines import LogicalLine, Trivia

_PIECES = st.lists(
    st.sampled_from([b"a", b"key v", b" ", b"\t", b"\n", b"#", b"\r", b"\v", b"\0", b"\xff"]), max_size=24
)


@given(_PIECES.map(b"".join))
def test_a_line_is_a_continuation_wherever_something_stands_above_it(source: bytes) -> None:
    nodes = lines.split(source)
    assert b"".join(node.raw for node in nodes) == source
    for before, node in pairwise(nodes):
        if isinstance(node, LogicalLine) and node.is_orphan:
            assert isinstance(before, Trivia)
            assert not any(isinstance(it, LogicalLine) for it in nodes[: nodes.index(node)])


def test_plain_lines_and_others_are_told_apart() -> None:
    assert lines.split(b"a b\n# c\nd e\n f\ng h") == (
        LogicalLine(b"a b\n", 1, ((0, 3),)),
        Trivia(b"# c\n", 2),
        LogicalLine(b"d e\n f\n", 3, ((0, 3), (4, 6))),
        LogicalLine(b"g h", 5, ((0, 3),)),
    )
