"""JSON as this program writes it is what the standard library would write."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.json import dump

texts = st.text('ab:,{}[]"\\/ü€ \t\n')
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(leaves, lambda below: st.lists(below) | st.dictionaries(texts, below) | st.tuples(below))


@given(values)
def test_every_value_is_written_as_the_standard_library_writes_it(value: object) -> None:
    assert dump(value) == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@given(st.recursive(leaves | st.text(), lambda below: st.lists(below) | st.dictionaries(st.text(), below)))
def test_and_reads_back_as_what_it_was(value: object) -> None:
    assert json.loads(dump(value)) == json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
