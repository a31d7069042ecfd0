"""Whole repositories: the example, which file is whose, and that no input does worse than StateInvalid."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import hosts, load, validate
from reconciler.desired.schemas import generate
from reconciler.errors import Problem, StateInvalid
from reconciler.model.desired import Part
from reconciler.model.snapshot import RepoSnapshot

EXAMPLE = Path(__file__).parents[2] / "state-repo-example"


def repository(files: dict[str, str]) -> RepoSnapshot:
    return RepoSnapshot({path: text.encode() for path, text in files.items()}, revision="0123456", origin="test")


def example() -> RepoSnapshot:
    paths = [path for path in EXAMPLE.rglob("*") if path.is_file()]
    return RepoSnapshot(
        {path.relative_to(EXAMPLE).as_posix(): path.read_bytes() for path in paths}, "0123456", "example"
    )


def test_the_example_is_valid_and_enforced_whole() -> None:
    states = validate(example())
    assert [state.host for state in states] == ["mx1.example.org", "submit1.example.org"]
    assert all(state.enforced == frozenset(Part) for state in states)
    assert states == tuple(load(example(), name) for name in hosts(example()))


def test_an_instance_has_its_own_file_or_else_the_one_of_its_host() -> None:
    repo = repository({"hosts/a.example.yaml": "profile: old\n", "hosts/a.example@out.yaml": "profile: intermediate\n"})
    assert load(repo, "a.example").file == "hosts/a.example.yaml"
    assert (load(repo, "a.example", "out").file, load(repo, "a.example", "out").instance) == (
        "hosts/a.example@out.yaml", "out",
    )  # fmt: skip
    assert (load(repo, "a.example", "in").file, load(repo, "a.example", "in").instance) == (
        "hosts/a.example.yaml",
        "in",
    )
    assert [(state.host, state.instance) for state in validate(repo)] == [("a.example", ""), ("a.example", "out")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"hosts/mx1.example.org.yaml": "profile: old\n", "hosts/a.example@x.yaml": "profile: old\n"},
            "hosts/mx.example.org.yaml:1:1: there is no state for the host 'mx.example.org'; write the file, or name one of: mx1.example.org, a.example@x",
        ),
        ({"fleet.yaml": "groups:\n"}, "hosts/mx.example.org.yaml:1:1: there is no state for the host 'mx.example.org'; write it; this repository has no host files yet"),
        ({}, "hosts/mx.example.org.yaml:1:1: there is no state for the host 'mx.example.org'; write it; the repository is empty"),
    ],
    ids=["others exist", "no hosts", "empty repository"],
)  # fmt: skip
def test_an_unknown_host_is_one_error_that_lists_the_known_ones(files: dict[str, str], message: str) -> None:
    with pytest.raises(StateInvalid) as caught:
        load(repository(files), "mx.example.org")
    assert [str(problem) for problem in caught.value.problems] == [message]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("hosts/a.example.yml", "hosts/a.example.yml:1:1: no file of this name is read; call it hosts/NAME.yaml"),
        (
            "hosts/eu/a.example.yaml",
            "hosts/eu/a.example.yaml:1:1: no file of this name is read; call it hosts/NAME.yaml",
        ),
        (
            "hosts/a b.yaml",
            "hosts/a b.yaml:1:1: the file's name: 'a b' in 'a b' is no DNS label; call it hosts/HOST.yaml",
        ),
    ],
)
def test_a_file_that_nobody_would_read_is_an_error(path: str, message: str) -> None:
    with pytest.raises(StateInvalid) as caught:
        validate(repository({path: "profile: old\n"}))
    assert str(caught.value) == message


def test_a_policy_file_that_is_missing_is_an_error() -> None:
    files = {"hosts/a.example.yaml": "outgoing: {policy_files: [policies/partner.map]}\n", "policies/partners.map": ""}
    with pytest.raises(StateInvalid) as caught:
        validate(repository(files))
    assert str(caught.value) == (
        "hosts/a.example.yaml:1:27: outgoing.policy_files[0]: 'policies/partner.map' is not in the repository; "
        "did you mean 'policies/partners.map'? write the file, or remove the line"
    )


def test_a_host_is_loaded_although_another_host_is_broken() -> None:
    repo = repository({"hosts/a.example.yaml": "profile: old\n", "hosts/b.example.yaml": "profile: [\n"})
    assert load(repo, "a.example").host == "a.example"


def test_100_000_policy_rows_are_read_in_the_order_of_the_file() -> None:
    rows = "".join(f"d{number}.example encrypt\n" for number in range(100_000))
    repo = repository({"hosts/a.example.yaml": "outgoing: {policy_files: [policies/a.map]}\n", "policies/a.map": rows})
    (table,) = load(repo, "a.example").tables
    assert len(table.rows) == 100_000
    assert str(table.rows[-1].origin) == "policies/a.map:100000:1 (host)"


def _read(data: bytes) -> None:
    problems = _problems(
        RepoSnapshot({"hosts/a.example.yaml": data, "fleet.yaml": b"groups: {a: {profile: old}}\n"}, "", "")
    )
    assert problems is None or problems
    assert all(problem.what and problem.position.line >= 1 for problem in problems or ())


def _problems(repo: RepoSnapshot) -> tuple[Problem, ...] | None:
    try:
        validate(repo)
    except StateInvalid as invalid:
        return invalid.problems
    return None


@given(st.one_of(st.binary(max_size=100), st.text(max_size=100).map(str.encode)))
def test_any_bytes_as_a_host_file_are_a_state_or_state_invalid(data: bytes) -> None:
    _read(data)


_KEYS = [
    *sorted({key for schema in generate().values() for key in yaml.safe_load(schema)["properties"]}),
    "security_level", "policies", "senders", "clients", "default", "chain_files", "cert_file", "key_file", "certbot",
    "until_present", "days", "names", "sasl", "type", "path", "listen", "enabled", "guard", "at", "reason", "until",
    "smtpd_tls_loglevel", "smtpd_tls_protocols", "protocols", "ciphers", "loglevel", "session_cache_timeout", "a.example",
    "policy_files", "policy_table", "client_table", "mynetworks", "[a.example]:25", "<word>", "[key]", "0",
]  # fmt: skip
_WORDS = [
    "", "yes", "no", "may", "encrypt", "dane", "all", "self_signed", "unmanaged", "old", "a", "incoming", "1", "9" * 5000,
    "9" * 12, "1h", "9999999999w", ">=TLSv1.2", "$x", "${x", "${" * 60, "192.0.2.0/24", "::/0", "a@b", ".a", "*.a", "#",
    "dovecot", "private/auth", "[::1]:10587", "25", "2027-01-31", "main.cf/x[", "table/a#b", "x" * 300, "é.example", "{", "%",
    "hash:/etc/shadow", "..", "/a", "a b", "encrypt match=a", "secure match=nexthop", "policies/a.map", "\u00a0", "xn--a",
]  # fmt: skip
_TREES = st.recursive(
    st.sampled_from(_WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5)),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(_KEYS), _TREES, max_size=5))
def test_any_tree_of_known_words_as_a_host_file_is_a_state_or_state_invalid(tree: dict[str, object]) -> None:
    _read(yaml.safe_dump(tree, allow_unicode=True).encode())
