"""The difference of two tables is found at their changed lines, and gives the one from the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.postfix import delta, table

_LINES = st.sampled_from([b"a one", b"b two", b"c three", b" continued", b"# comment", b"", b"a four", b"D five"])
_ROWS = st.dictionaries(st.sampled_from([b"a", b"bb", b"c", b"d.example"]), st.sampled_from([b"one", b"two", b"three"]))


def _text(rows: dict[bytes, bytes]) -> bytes:
    return b"".join(key + b" " + value + b"\n" for key, value in rows.items())


def _values(source: bytes) -> dict[bytes, bytes]:
    return {key: row.value for key, row in table.parse(source).rows.items()}


@given(_ROWS, _ROWS, st.lists(_LINES, max_size=3))
def test_what_changes_takes_the_one_table_to_the_other(one, other, above) -> None:
    head = b"# head\n" + b"".join(b"z" + line.replace(b" ", b"-") + b" x\n" for line in above)
    before, after = head + _text(one) + b"zz end\n", head + _text(other) + b"zz end\n"
    found = delta.between(before, after)
    assert found is not None
    assert _values(before).keys() >= set(found.gone.split(b"\n")) - {b""}
    left = {key: value for key, value in _values(before).items() if key not in found.gone.split(b"\n")}
    assert left | _values(found.put) == _values(after)


def test_one_row_of_many_is_all_that_is_put() -> None:
    lines = [b"d%d.example may\n" % number for number in range(50_000)]
    before = b"".join(lines)
    lines[25_000] = b"d25000.example encrypt\n"
    assert delta.between(before, b"".join(lines)) == delta.Delta(b"d25000.example encrypt\n", b"")


def test_much_that_differs_is_no_small_change() -> None:
    before = b"".join(b"d%d.example may\n" % number for number in range(20_000))
    assert delta.between(before, before.replace(b"may", b"none")) is None


def test_a_continuation_belongs_to_its_row() -> None:
    before, after = b"a one\nb two\n three\nc four\n", b"a one\nb two\n five\nc four\n"
    assert delta.between(before, after) == delta.Delta(b"b two five\n", b"")
