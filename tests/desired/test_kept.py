"""What was made of a section is made again only of another one."""

from __future__ import annotations

import pytest

from reconciler.desired.document import parse
from reconciler.desired.kept import Kept
from reconciler.desired.merging import merge
from reconciler.desired.tree import Entry, Mapping, Source, same

HERE = Source("hosts/a.yaml", "host")


def tree(text: str, source: Source = HERE) -> Mapping:
    return parse(text.encode(), source)


def section(text: str, source: Source = HERE) -> Entry:
    return tree(text, source).entries["outgoing"]


def test_the_same_section_makes_the_same_thing_once() -> None:
    kept = Kept()
    made = [kept.once("x", (section("outgoing: {a: 1, b: [c, {d: e}]}"),), object) for _ in range(2)]
    assert made[0] is made[1]


@pytest.mark.parametrize(
    "other",
    [
        "outgoing: {a: 1, b: [c, {d: f}]}",
        "outgoing: {a: 1, b: [c]}",
        "outgoing: {a: 1}",
        "\noutgoing: {a: 1, b: [c, {d: e}]}",
        "outgoing: {a: '1', b: [c, {d: e}]}",
        "outgoing: {a:  1, b: [c, {d: e}]}",
        "outgoing: x",
    ],
)
def test_another_text_or_another_place_makes_another_thing(other: str) -> None:
    kept = Kept()
    made = [kept.once("x", (section(text),), object) for text in ("outgoing: {a: 1, b: [c, {d: e}]}", other)]
    assert made[0] is not made[1]


def test_so_do_another_layer_another_purpose_and_another_thing_beside_it() -> None:
    kept = Kept()
    one, other = section("outgoing: {a: 1}"), section("outgoing: {a: 1}", Source("hosts/a.yaml", "group eu"))
    made = [
        kept.once("x", (one,), object),
        kept.once("x", (other,), object),
        kept.once("y", (other,), object),
        kept.once("y", (other, 1), object),
    ]
    assert len(set(map(id, made))) == 4


def test_the_order_of_keys_counts_for_rows_stand_in_it() -> None:
    one, other = tree("outgoing: {policies: {a.example: may}}"), tree("outgoing: {policies: {b.example: may}}")
    first, second = (merge(layers).entries["outgoing"] for layers in ([one, other], [other, one]))
    assert not same(first, second)


def test_what_could_not_be_made_is_tried_again() -> None:
    kept = Kept()

    def fail() -> object:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            kept.once("x", (section("outgoing: {a: 1}"),), fail)
    assert kept.once("x", (section("outgoing: {a: 1}"),), lambda: 1) == 1
