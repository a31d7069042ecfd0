"""Layers: profile ← groups in order ← host, each value with the place and the layer it comes from."""

from __future__ import annotations

import pytest

FLEET = """\
groups:
  one:
    profile: old
    incoming: {loglevel: 1, policies: {senders: [a.example, b.example]}}
    outgoing: {policies: {a.example: may, b.example: may}}
  two:
    incoming: {loglevel: 2}
    certificates: {default: {cert_file: c.pem, key_file: k.pem, until_present: self_signed}}
  empty:
"""


def values(state) -> dict[str, tuple[str, str]]:
    return {one.name: (one.value, str(one.origin)) for one in state.parameters}


def test_a_later_group_overrides_an_earlier_one_and_the_host_both(state) -> None:
    host = "groups: [one, two]\nincoming:\n  received_header: no\n"
    found = values(state(host, {"fleet.yaml": FLEET}))
    assert found["smtpd_tls_loglevel"] == ("2", "fleet.yaml:7:26 (group two)")
    assert found["smtpd_tls_received_header"] == ("no", "hosts/mx1.example.org.yaml:3:20 (host)")
    assert found["smtpd_tls_protocols"] == (">=TLSv1", "built-in/old.yaml:2:14 (profile old)")


def test_groups_count_in_the_order_in_which_the_host_names_them(state) -> None:
    assert values(state("groups: [two, one]\n", {"fleet.yaml": FLEET}))["smtpd_tls_loglevel"][0] == "1"


def test_lists_replace_and_maps_merge(state) -> None:
    host = "groups: [one]\nincoming: {policies: {senders: [c.example]}}\noutgoing: {policies: {b.example: encrypt}}\n"
    tables = {table.path: table for table in state(host, {"fleet.yaml": FLEET}).tables}
    assert [row.key for row in tables["tls_senders"].rows] == ["c.example", ".c.example"]
    assert [(row.key, row.value, str(row.origin)) for row in tables["tls_policy"].rows] == [
        ("a.example", "may", "fleet.yaml:5:27 (group one)"),
        ("b.example", "encrypt", "hosts/mx1.example.org.yaml:3:23 (host)"),
    ]


def test_a_section_with_nothing_below_it_takes_nothing_away(state) -> None:
    host = "groups: [one, empty]\nincoming:\n  # all commented out\noutgoing:\n"
    assert values(state(host, {"fleet.yaml": FLEET}))["smtpd_tls_loglevel"][0] == "1"


def test_a_certificate_of_another_kind_replaces_the_one_of_a_lower_layer(state) -> None:
    host = "groups: [two]\ncertificates: {default: {chain_files: [mx.pem]}}\n"
    (certificate,) = state(host, {"fleet.yaml": FLEET}).certificates
    assert certificate.chain_files == ("mx.pem",)
    assert (certificate.certificate_file, certificate.key_file) == ("", "")
    assert certificate.until_present is not None


def test_the_host_chooses_the_profile_over_its_groups(state) -> None:
    found = values(state("groups: [one]\nprofile: intermediate\n", {"fleet.yaml": FLEET}))
    assert found["smtp_tls_mandatory_ciphers"] == ("high", "built-in/intermediate.yaml:10:22 (profile intermediate)")


def test_a_profile_starts_from_the_one_it_names(state) -> None:
    files = {"profiles/house.yaml": "profile: modern\nincoming: {protocols: '>=TLSv1.2'}\n"}
    found = values(state("profile: house\n", files))
    assert found["smtpd_tls_protocols"] == (">=TLSv1.2", "profiles/house.yaml:2:23 (profile house)")
    assert found["smtp_tls_protocols"] == (">=TLSv1.3", "built-in/modern.yaml:7:14 (profile modern)")


@pytest.mark.parametrize(
    ("host", "files", "messages"),
    [
        (
            "groups: [on]\n",
            {"fleet.yaml": FLEET},
            ["hosts/mx1.example.org.yaml:1:10: groups: there is no group 'on' in fleet.yaml; did you mean 'one'? write one of: one, two, empty"],
        ),
        (
            "groups: [eu]\n",
            {},
            ["hosts/mx1.example.org.yaml:1:10: groups: there is no group 'eu' in fleet.yaml; write it into fleet.yaml, under 'groups: eu'"],
        ),
        (
            "profile: moderm\n",
            {},
            ["hosts/mx1.example.org.yaml:1:10: profile: there is no profile 'moderm'; did you mean 'modern'? write one of: modern, intermediate, old"],
        ),
        (
            "profile: a\n",
            {"profiles/a.yaml": "profile: b\n", "profiles/b.yaml": "profile: a\n"},
            ["profiles/b.yaml:1:10: profile: 'a' starts from itself: a → b → a; name a profile that does not"],
        ),
        (
            "profile: a\n",
            {"profiles/a.yaml": "parameters: {}\n"},
            ["profiles/a.yaml:1:1: parameters: there is no such key; write one of: profile, incoming, outgoing"],
        ),
        (
            "incoming: {loglevel: 1}\n",
            {"profiles/old.yaml": "incoming: {}\n"},
            ["profiles/old.yaml:1:1: 'old' is a built-in profile, and this file is not read; give it another name, and write 'profile: old' in it"],
        ),
        (
            "incoming: {loglevel: 1}\n",
            {"fleet.yaml": 'requires: ">=9.0"\ngroups: {a: {incoming: {cyphers: x}}}\n'},
            [
                ("fleet.yaml:2:25: groups.a.incoming.cyphers: there is no such key; did you mean 'ciphers'? write one of: protocols, mandatory_protocols, "
                "ciphers, mandatory_ciphers, exclude_ciphers, mandatory_exclude_ciphers, security_level, ca_file, ca_path, loglevel, received_header, "
                "auth_only, ask_client_certificate, session_cache_timeout, policies"),
            ],
        ),
        ("incoming: {loglevel: 1}\n", {"fleet.yaml": 'requires: ">=9.0"\n'}, ["fleet.yaml:1:11: requires: this repository wants >=9.0, and this is reconciler 0.1.0; upgrade reconciler on this machine"]),
    ],
    ids=["group misspelled", "no group at all", "profile misspelled", "profiles in a circle", "a profile that does more", "a built-in name", "an unused group", "requires"],
)  # fmt: skip
def test_a_layer_that_cannot_be_is_one_error(problems, host: str, files: dict[str, str], messages: list[str]) -> None:
    assert [str(problem) for problem in problems(host, files)] == messages


def test_a_mistake_in_a_group_is_one_error_whatever_the_number_of_its_hosts(problems) -> None:
    files = {f"hosts/h{number}.example.yaml": "groups: [a]\n" for number in range(20)}
    found = problems("groups: [a]\n", {**files, "fleet.yaml": "groups: {a: {incoming: {loglevel: 9}}}\n"})
    assert [str(problem.position) for problem in found] == ["fleet.yaml:1:35"]


MODERN = "profile: modern\ncertificates: {default: unmanaged}\n"


@pytest.mark.parametrize(
    "rest",
    [
        "incoming: {security_level: encrypt}\n",
        "outgoing: {security_level: dane-only}\n",
        "incoming: {security_level: may, protocols: '>=TLSv1.3'}\n",
        "parameters: {}\n",
    ],
    ids=["mandatory on port 25", "mandatory to others", "by hand", "no level declared"],
)
def test_tls_13_alone_is_fine_where_nobody_falls_back_or_it_was_written_by_hand(state, rest: str) -> None:
    state(MODERN + rest)
