from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest

from reconciler.errors import Position
from reconciler.settings.positions import Path, positions

DOCUMENT = '''\
# a comment with "quotes" and [brackets]
top = 1
"quoted.key" = 'a # b'  # behind
a . b."c" = { d = [1, 2], "e" = """x""" }

[section]
text = """
[not.a.header]
key = \\"no\\"
ends with a quote""""
literal = \'\'\'
[nor.this]\'\'\'
date = 1979-05-27 07:32:00
list = [
  "one",  # why
  { x = 1 }, [ "in", "ner" ],
]

[[section.windows]]
begin = "22:00"
[[section.windows]]
begin = "23:00"
[section.windows.deep]
key = true
'''


def leaves(value: object, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


def test_every_key_and_element_that_toml_reads_has_a_place() -> None:
    assert positions(DOCUMENT, "f").keys() == set(leaves(tomllib.loads(DOCUMENT)))


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("top",), 2, 1),
        (("quoted.key",), 3, 1),
        (("a", "b", "c", "d", 1), 4, 23),
        (("section",), 6, 1),
        (("section", "literal"), 11, 1),
        (("section", "list", 1, "x"), 16, 5),
        (("section", "windows", 1, "begin"), 22, 1),
        (("section", "windows", 1, "deep", "key"), 24, 1),
    ],
)
def test_the_place_is_where_a_person_has_to_look(path: Path, line: int, column: int) -> None:
    assert positions(DOCUMENT, "f")[path] == Position("f", line, column)


@pytest.mark.parametrize("text", ["", "\n", "# only", "a=1", "[a]", "a = 'x'\r\nb = 2\r\n", "[ a . 'b' ]\nc=[]"])
def test_short_documents_end_where_they_end(text: str) -> None:
    assert positions(text, "f").keys() == set(leaves(tomllib.loads(text)))
