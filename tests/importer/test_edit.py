"""A host file is edited in the one place, whatever stands around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import document
from reconciler.desired.tree import Source, plain
from reconciler.importer import edit
from reconciler.importer.edit import CannotEdit

FILE = """\
# a host
enforce: all   # heal it

certificates: {default: unmanaged}

# mail that comes in
incoming:
  security_level: may        # RFC 3207
  policies:
    senders: [bank.example]  # they promised
    # and nobody else

outgoing:
  policies:
    "[relay.example]:587": "encrypt"
"""


def changed(path: tuple[str, ...], value) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    before, after = FILE.splitlines(), edit.put(FILE, path, value).splitlines()
    return [it for it in before if it not in after], [it for it in after if it not in before]


@pytest.mark.parametrize(
    ("path", "value", "went", "came"),
    [
        (("incoming", "security_level"), "none", ["  security_level: may        # RFC 3207"], ["  security_level: none        # RFC 3207"]),
        (("incoming", "loglevel"), "1", [], ["  loglevel: 1"]),
        (("outgoing", "policies", "[relay.example]:587"), "may", ['    "[relay.example]:587": "encrypt"'], ['    "[relay.example]:587": may']),
        (("outgoing", "policies", "a.example"), "may", [], ["    a.example: may"]),
        (("outgoing", "loglevel"), "1", [], ["  loglevel: 1"]),
        (("certificates", "x.example"), "unmanaged", ["certificates: {default: unmanaged}"], ["certificates: {default: unmanaged, x.example: unmanaged}"]),
        (("incoming", "policies", "senders"), ("a.example", "b.example"), ["    senders: [bank.example]  # they promised"], ["    senders: [a.example, b.example]  # they promised"]),
        (("parameters", "tls_ssl_options"), "NO_TICKET", [], ["parameters:", "  tls_ssl_options: NO_TICKET"]),
    ],
)  # fmt: skip
def test_only_the_lines_of_the_value_change(path, value, went, came) -> None:
    assert changed(path, value) == (went, came)


def test_a_new_key_stands_below_its_kin_and_above_what_is_long() -> None:
    after = edit.put(FILE, ("incoming", "loglevel"), "1")
    assert "  security_level: may        # RFC 3207\n  loglevel: 1\n  policies:\n" in after


def test_a_new_section_stands_where_the_order_of_a_host_file_has_it() -> None:
    after = edit.put(FILE, ("submission", "enabled"), "no")
    assert after == FILE + "\nsubmission:\n  enabled: no\n"
    assert "unmanaged}\n\nincoming:\n  loglevel: 1\n" in edit.put(
        "certificates: {default: unmanaged}\n", ("incoming", "loglevel"), "1"
    )
    assert edit.put("parameters: {}\n", ("incoming", "loglevel"), "1") == "incoming:\n  loglevel: 1\n\nparameters: {}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("incoming:\n", "incoming:\n  loglevel: 1\n"),
        ("incoming:", "incoming:\n  loglevel: 1\n"),
        ("incoming: {}\n", "incoming: {loglevel: 1}\n"),
        ("incoming:  # to come\n", "incoming:  # to come\n  loglevel: 1\n"),
        ("incoming:\n  loglevel:\n", "incoming:\n  loglevel: 1\n"),
        ("incoming:\r\n  auth_only: yes\r\n", "incoming:\r\n  auth_only: yes\r\n  loglevel: 1\r\n"),
        ("{incoming: {auth_only: yes}}\n", "{incoming: {auth_only: yes, loglevel: 1}}\n"),
        ("incoming:\n    auth_only: yes", "incoming:\n    auth_only: yes\n    loglevel: 1\n"),
    ],
)
def test_a_value_finds_its_place_in_every_style(before: str, after: str) -> None:
    assert edit.put(before, ("incoming", "loglevel"), "1") == after


def test_an_alias_is_not_edited_where_it_stands_for_more() -> None:
    text = "outgoing:\n  protocols: &p TLSv1.2\nincoming:\n  protocols: *p\n"
    with pytest.raises(CannotEdit, match=r"incoming\.protocols is an alias"):
        edit.put(text, ("incoming", "protocols"), "TLSv1.3")


def test_a_row_goes_with_its_line() -> None:
    text = "outgoing:\n  policies:\n    # old friends\n    a.example: may   # since 2019\n    b.example: may\n"
    expected = "outgoing:\n  policies:\n    # old friends\n    b.example: may\n"
    assert edit.drop(text, ("outgoing", "policies", "a.example")) == expected
    with pytest.raises(CannotEdit, match="does not stand in the host file"):
        edit.drop(text, ("outgoing", "policies", "c.example"))


VALUES = st.text(st.sampled_from("aZ09 .,:;=<>!#$&*?|-_~^%@\\\"'`[]{}()/"), max_size=12)
PATHS = st.sampled_from(
    [
        ("incoming", "security_level"), ("incoming", "loglevel"), ("outgoing", "policies", "[relay.example]:587"),
        ("outgoing", "policies", "x"), ("parameters", "p"), ("submission", "sasl", "path"), ("profile",),
    ]
)  # fmt: skip


def at(tree: object, path: tuple[str, ...]) -> object:
    for key in path:
        tree = tree[key] if isinstance(tree, dict) else None
    return tree


@given(PATHS, VALUES)
def test_whatever_is_put_is_read_back_and_nothing_else_changes(path: tuple[str, ...], value: str) -> None:
    def read(text: str) -> object:
        return plain(document.parse(text.encode(), Source("x.yaml", "host")))

    once = edit.put(FILE, path, "first")
    twice = edit.put(once, path, value)
    assert at(read(twice), path) == value
    assert edit.put(twice, path, "first") == once
    assert [line for line in FILE.splitlines() if "#" in line and path[-1] not in line] == [
        line for line in twice.splitlines() if "# " in line and path[-1] not in line
    ]
