"""reliability.md, "Bad input", YAML: each refused with one error at its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.document import parse
from reconciler.desired.tree import Source, plain
from reconciler.errors import Problem, StateInvalid

SOURCE = Source("f.yaml", "host")
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{','.join(['*' + chr(97 + level)] * 9)}]\n" for level in range(9)
)
LIST_BEGINS = "'[' begins a list in YAML; quote it: \"[mx]:587\""

REFUSED = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "3:1: the key 'a' stands twice, first in line 1; keep one of them"),
    "duplicate key, nested": ("a:\n  b: 1\n  b: 1\n", "3:3: a: the key 'b' stands twice, first in line 2; keep one of them"),
    "unquoted >=TLSv1.2": ("é: >=TLSv1.2\n", "1:4: '>' begins a block of text in YAML; quote it: \">=TLSv1.2\""),
    "unquoted !SSLv3": ("a: !SSLv3\n", "1:4: a: '!SSLv3' is a YAML tag here, not a text; quote it: \"!SSLv3\""),
    "unquoted !SSLv2, !SSLv3": ("a: !SSLv2, !SSLv3\n", "1:4: '!' begins a tag in YAML; quote it: \"!SSLv2, !SSLv3\""),
    "unquoted *.example.com": ("*.example.com: x\n", "1:1: '*' begins an alias in YAML; quote it: \"*.example.com\""),
    "unquoted *.example.com in a list": ("a: [x, *.b.c]\n", "1:8: '*' begins an alias in YAML; quote it: \"*.b.c\""),
    "[mx]:587": ("a:\n  [mx]:587: encrypt\n", "2:3: " + LIST_BEGINS),
    "[mx]:587 in braces": ("a: {[mx]:587: encrypt}\n", "1:5: " + LIST_BEGINS),
    "!!python": (
        "a: !!python/object:os.system x\n",
        "1:4: a: the YAML tag '!!python/object:os.system' asks for an object to be built; remove the tag; values are texts here",
    ),
    "alias bomb": (BOMB, "5:8: the aliases expand to more than 10000 values; write the values out, or use groups"),
    "aliases beyond the limit": (
        "a: &a x\nb: [" + ", ".join(["*a"] * 101) + "]\n",
        "2:405: more than 100 aliases; write the values out, or use groups in fleet.yaml",
    ),
    "merge of no mapping": ("a: &a x\nb:\n  <<: *a\n", "3:3: b: '<<' takes a mapping; name one with '*anchor'"),
    "self-alias": ("a: &x [*x]\n", "1:8: '*x' stands inside what it refers to; write the value out"),
    "alias of nothing": ("a: *b\n", "1:4: a: '*b' is an alias of nothing; quote it: \"*b\""),
    "deep nesting": ("[" * 60_000, "1:65: nested more than 64 levels deep; nothing in these files goes so deep"),
    "deep nesting in blocks": ("- " * 60_000, "1:129: nested more than 64 levels deep; nothing in these files goes so deep"),
    "over 1 MiB": (
        "#" * (1 << 20) + "\n",
        ("1:1: the file is 1048577 bytes long, and 1048576 is the limit; "
        "put large policy tables into policies/*.map and name them under outgoing.policy_files"),
    ),
    "several documents": ("a: 1\n---\nb: 2\n", "2:1: a second YAML document begins here; one file is one document; remove the '---'"),
    "empty": ("", "1:1: the file is empty; write the keys of its schema, or remove the file"),
    "empty but for a comment": ("# later\n", "1:1: the file is empty; write the keys of its schema, or remove the file"),
    "scalar at top": ("may\n", "1:1: the file is a single text; write keys with values: 'key: value'"),
    "list at top": ("- a\n", "1:1: the file is a list; write keys with values: 'key: value'"),
    "not UTF-8": (b"a: 1\nb\xe9: x\n", "2:2: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
    "tabs": ("a:\n\tb: c\n", "2:1: a tab; YAML indents with spaces only; replace it with spaces"),
    "tabs after spaces": ("a:\n  b: c\n \td: e\n", "3:2: a tab; YAML indents with spaces only; replace it with spaces"),
    "non-string key": ("a:\n  [b]: c\n", "2:3: a: this key is no text; '[' and '{' open a list and a mapping; quote it: \"[b]\""),
    "no key": ("a: {? : b}\n", "1:7: a: a key is missing before ':'; write the key"),
    "@": ("a: @x\n", "1:4: YAML keeps '@' for itself; quote it: \"@x\""),
    "NUL": (b"a: 'x\0'\n", "1:6: the file holds U+0000 (NUL); remove it"),
    "form feed": ("a: b\n\fc: d\n", "2:1: the file holds U+000C (a form feed); remove it"),
    "a carriage return alone": ("a: b\rc: d\n", "1:5: the file holds U+000D (a carriage return); remove it"),
    "RTL override in a comment": ("# \u202e\n", "1:3: the file holds U+202E (RIGHT-TO-LEFT OVERRIDE); remove it"),
    "line separator": ("a: b\u2028c\n", "1:5: the file holds U+2028 (LINE SEPARATOR); remove it"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_surprising_yaml_is_refused_with_one_error_at_its_place(text: str | bytes, message: str) -> None:
    with pytest.raises(StateInvalid) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), SOURCE)
    assert [str(problem) for problem in caught.value.problems] == [f"f.yaml:{message}"]


def test_every_plain_scalar_is_the_text_that_was_written() -> None:
    text = b"a: no\nb: 0600\nc: 1:30\nd: 2027-01-31\ne: ~\nf: 1e3\ng: null\nh:\ni: ''\n"
    values = {
        "a": "no",
        "b": "0600",
        "c": "1:30",
        "d": "2027-01-31",
        "e": "~",
        "f": "1e3",
        "g": "null",
        "h": None,
        "i": "",
    }
    assert plain(parse(text, SOURCE)) == values


def test_crlf_and_a_byte_order_mark_are_yaml() -> None:
    assert plain(parse("\ufeffa: b\r\nc: [d]\r\n".encode(), SOURCE)) == {"a": "b", "c": ("d",)}


def test_merge_keys_give_what_the_mapping_does_not_say_itself() -> None:
    text = b"a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n"
    assert plain(parse(text, SOURCE)) == {"a": {"x": "1", "y": "2"}, "b": {"x": "1", "y": "3"}}


_YAML = st.text(alphabet=" \n\t:-[]{},&*!|>'\"%@`#?~ab1é\u00a0\u202e\0", max_size=60)


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode()), _YAML.map(str.encode)))
def test_any_bytes_are_a_tree_or_state_invalid(data: bytes) -> None:
    problems = _problems(data)
    assert problems is None or problems
    assert all(problem.position.file == "f.yaml" and problem.position.line >= 1 for problem in problems or ())


def _problems(data: bytes) -> tuple[Problem, ...] | None:
    try:
        parse(data, SOURCE)
    except StateInvalid as invalid:
        return invalid.problems
    return None


def test_of_many_mistakes_the_first_hundred_are_told_and_that_there_are_more() -> None:
    with pytest.raises(StateInvalid) as caught:
        parse(b"a: b\n" * 5000, SOURCE)
    *first, last = (str(it) for it in caught.value.problems)
    assert [it.partition(": ")[0] for it in first] == [f"f.yaml:{line}:1" for line in range(2, 102)]
    assert last == "f.yaml:102:1: more than 100 mistakes in this file; correct the others first"
