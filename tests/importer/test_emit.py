"""What is written is what our own reader reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import document
from reconciler.desired.tree import Source, plain
from reconciler.importer import emit

PRINTABLE = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"), include_characters=" ")
)
POSTFIX = st.text(st.sampled_from("aZ09 .,:;=<>!#$&*?|-_~^%@\\\"'`[]{}()/"), max_size=20)


def read(text: str) -> object:
    return plain(document.parse(text.encode(), Source("x.yaml", "host")))


def written(keys) -> str:
    return "\n".join(emit.block(keys)) + "\n"


@given(PRINTABLE | POSTFIX)
def test_any_value_is_read_back_as_it_was(value: str) -> None:
    assert read(written({"parameters": {"name": value}})) == {"parameters": {"name": value}}


@given(st.lists(PRINTABLE | POSTFIX, min_size=1).map(tuple))
def test_any_list_is_read_back_as_it_was(items: tuple[str, ...]) -> None:
    assert read(written({"list": items})) == {"list": items}


@given(st.dictionaries((PRINTABLE | POSTFIX).filter(lambda key: key not in {"", "<<"}), POSTFIX, min_size=1))
def test_any_key_is_read_back_as_it_was(keys: dict[str, str]) -> None:
    assert read(written({"policies": keys})) == {"policies": keys}


@given(st.text())
def test_a_comment_says_no_more_than_a_comment(text: str) -> None:
    assert read(f"{emit.comment(text)}\nkey: value\n") == {"key": "value"}


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "\x1b[0m", "a\u00a0b", "\udcff", "\u202e"])
def test_what_no_state_file_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not show"):
        emit.scalar(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("may", "may"),
        ("yes", "yes"),
        ("3600s", "3600s"),
        ("$smtpd_tls_protocols", "$smtpd_tls_protocols"),
        ("secure match=nexthop:dot-nexthop", "secure match=nexthop:dot-nexthop"),
        ("/etc/ssl/mail.pem", "/etc/ssl/mail.pem"),
        ("", '""'),
        ("null", '"null"'),
        (">=TLSv1.2", '">=TLSv1.2"'),
        ("!SSLv3", '"!SSLv3"'),
        ("[mx.example]:587", '"[mx.example]:587"'),
        ("a: b", '"a: b"'),
        ('say "x"', "'say \"x\"'"),
    ],
)
def test_quotes_stand_where_a_person_needs_them(text: str, shown: str) -> None:
    assert emit.scalar(text) == shown


def test_a_long_list_has_a_line_for_each_item() -> None:
    items = tuple(f"partner-number-{number}.example" for number in range(5))
    assert written({"senders": items}).count("\n") == 6
