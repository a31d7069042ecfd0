"""What one person alone may not change."""

from __future__ import annotations

import pytest

from reconciler.errors import Untrusted
from reconciler.source.policy import Sensitive, Signed
from tests.source.conftest import HOST

WAIVER = "enforce: all\nwaivers:\n  - {guard: tls_weakened, at: main.cf/x, reason: r, until: 2027-01-31}\n"


@pytest.fixture(autouse=True)
def both(host) -> None:
    host.believes(second_signer=frozenset(Sensitive))
    host.follow()


def side(forge, files: dict[str, str], *, signer: str) -> None:
    forge.git("checkout", "-qb", "side")
    forge.commit(files, signer=signer, push=False)
    forge.git("checkout", "-q", "main")


def test_one_signer_changes_what_is_not_sensitive(forge, host) -> None:
    assert host.follow().revision == forge.head
    revision = forge.commit({HOST: "enforce: all\n"}, signer="alice")
    assert host.follow().revision == revision


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "fleet.yaml",
            "groups: {}\n",
            "fleet.yaml changed and need a second signer; signed so far by alice@example.org",
        ),
        (HOST, WAIVER, f"the waivers of {HOST} changed and need a second signer; signed so far by alice@example.org"),
    ],
)
def test_one_signer_alone_is_refused(forge, host, path: str, text: str, said: str) -> None:
    forge.commit({path: text}, signer="alice")
    with pytest.raises(Untrusted) as error:
        host.follow()
    assert error.value.why == said


@pytest.mark.parametrize("path", ["fleet.yaml", HOST])
def test_the_merge_by_another_signer_is_the_second_signature(forge, host, path: str) -> None:
    side(forge, {path: WAIVER}, signer="alice")
    revision = forge.merge("side", signer="bob")
    assert host.follow().revision == revision


def test_merging_ones_own_change_is_no_second_signature(forge, host) -> None:
    side(forge, {"fleet.yaml": "groups: {}\n"}, signer="alice")
    forge.merge("side", signer="alice")
    with pytest.raises(Untrusted, match="signed so far by alice"):
        host.follow()


def test_a_later_commit_about_something_else_is_no_second_signature(forge, host) -> None:
    forge.commit({"fleet.yaml": "groups: {}\n"}, signer="alice")
    forge.commit({"README.md": "x"}, signer="bob")
    with pytest.raises(Untrusted, match="signed so far by alice"):
        host.follow()


def test_a_forge_is_no_person(forge, host, keys) -> None:
    host.allows(f"alice@example.org {keys.public('alice')}", f"git.example.org {keys.public('forge')}")
    host.believes(forge_signers=frozenset({"git.example.org"}))
    side(forge, {"fleet.yaml": "groups: {}\n"}, signer="alice")
    forge.merge("side", signer="forge")
    with pytest.raises(Untrusted, match="signed so far by alice"):
        host.follow()


def test_where_merges_alone_are_signed_the_change_itself_counts_when_it_is(forge, host) -> None:
    host.believes(signed=Signed.MERGES)
    side(forge, {"fleet.yaml": "groups: {}\n"}, signer="alice")
    revision = forge.merge("side", signer="bob")
    assert host.follow().revision == revision


def test_the_same_waiver_written_otherwise_is_no_change_of_it(forge, host) -> None:
    side(forge, {HOST: WAIVER}, signer="alice")
    forge.merge("side", signer="bob")
    host.follow()
    revision = forge.commit({HOST: "# a comment\n" + WAIVER.replace("reason: r", '"reason": "r"')}, signer="alice")
    assert host.follow().revision == revision


def test_a_waiver_taken_back_needs_the_second_signer_too(forge, host) -> None:
    side(forge, {HOST: WAIVER}, signer="alice")
    forge.merge("side", signer="bob")
    host.follow()
    forge.commit({HOST: "enforce: all\n"}, signer="alice")
    with pytest.raises(Untrusted, match="waivers"):
        host.follow()
