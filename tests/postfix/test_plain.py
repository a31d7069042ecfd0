"""Plain tables: what the bytes say is what the rows say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.postfix import plain, table
from reconciler.postfix.plain import InMemory
from reconciler.postfix.table import Row

_LINES = rb"""a one|b two|bb one|a.example may| continued|# comment||A four|c|"d e" f|#|q\ r|s #t|i  j k"""
_ODD = (b"g h\r", b"\t", b"l\tm", b"\0", b"n\xff o", b"p \xff", b"\x0bu v", b"w \x0cx")
_LINE = st.sampled_from((*_LINES.split(b"|"), *_ODD))
_TEXT = st.tuples(st.lists(_LINE, max_size=8), st.booleans()).map(lambda it: b"\n".join(it[0]) + b"\n" * it[1])
_PLAIN_LINE = st.sampled_from(
    [b"# comment", b"", *(b"d%d.example %s" % (at, it) for at in range(9) for it in (b"may", b"none\r"))]
)


def _tables(lines: list[bytes], *, terminated: bool) -> bytes:
    """Of a key the first line, many times over so that there is something to search in."""
    first = dict.fromkeys(it.split()[0] for it in lines if it[:1] not in (b"", b"#"))
    kept = [it for it in lines if it[:1] in (b"", b"#") or first.pop(it.split()[0], b"") is None]
    return b"\n".join(kept) + b"\n" * terminated


@st.composite
def _large(draw: st.DrawFn) -> bytes:
    """Hundreds of rows, and the drawn ones somewhere among them."""
    rows = [b"filler%d.example encrypt" % it for it in range(draw(st.sampled_from([0, 30, 400])))]
    for line in draw(st.lists(_PLAIN_LINE, max_size=6)):
        rows.insert(draw(st.integers(0, len(rows))), line)
    for _ in range(draw(st.integers(0, 3))):
        if rows:
            rows.pop(draw(st.integers(0, len(rows) - 1)))
    return _tables(rows, terminated=draw(st.booleans()))


@settings(deadline=None)
@given(_TEXT)
def test_of_a_plain_table_every_row_is_a_line_and_its_key_stands_there_as_it_is_looked_up(content: bytes) -> None:
    if not plain.is_plain(content):
        return
    rows = [node for node in table.parse(content).nodes if isinstance(node, Row)]
    assert [row.key for row in rows] == list(plain.keys(content))
    assert all(row.raw.count(b"\n") <= 1 for row in rows)


@settings(deadline=None)
@given(_TEXT, st.sampled_from([b"a", b"b", b"bb", b"a.example", b"g", b"i", b"missing"]))
def test_a_key_is_found_in_a_plain_table_exactly_where_a_row_has_it(content: bytes, key: bytes) -> None:
    if plain.is_plain(content):
        assert plain.holds(InMemory(content), key, 0, len(content)) == (key in table.parse(content).rows)


@settings(deadline=None)
@given(_large(), _large())
def test_the_one_table_with_its_hunks_replaced_is_the_other(one: bytes, other: bytes) -> None:
    parts, at, other_at = [], 0, 0
    for hunk in plain.hunks(InMemory(one), InMemory(other)):
        assert one[at : hunk.start] == other[other_at : hunk.other_start]
        for text, start in ((one, hunk.start), (other, hunk.other_start)):
            assert start == 0 or text[start - 1 : start] == b"\n"
        parts += [one[at : hunk.start], other[hunk.other_start : hunk.other_end]]
        at, other_at = hunk.end, hunk.other_end
    assert b"".join((*parts, one[at:])) == other


@settings(deadline=None)
@given(_large(), _large())
def test_rows_outside_of_hunks_are_the_same_in_both(one: bytes, other: bytes) -> None:
    hunks = plain.hunks(InMemory(one), InMemory(other))
    was = {key: row.value for it in hunks for key, row in table.parse(one[it.start : it.end]).rows.items()}
    shall = {
        key: row.value for it in hunks for key, row in table.parse(other[it.other_start : it.other_end]).rows.items()
    }
    before = {key: row.value for key, row in table.parse(one).rows.items()}
    after = {key: row.value for key, row in table.parse(other).rows.items()}
    assert {key: value for key, value in before.items() if key not in was} | shall == after


def test_changes_far_apart_leave_what_lies_between_alone() -> None:
    lines = [b"d%d.example may\n" % number for number in range(100_000)]
    before = b"".join(lines)
    lines[10], lines[99_990] = b"d10.example encrypt\n", b""
    after = b"".join(lines)
    found = plain.hunks(InMemory(before), InMemory(after))
    shown = [(before[it.start : it.end], after[it.other_start : it.other_end]) for it in found]
    assert shown == [(b"d10.example may\n", b"d10.example encrypt\n"), (b"d99990.example may\n", b"")]
