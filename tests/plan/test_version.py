"""What one Postfix knows and another does not: refused, rewritten or warned of before it is written.

A version is simulated by what its `postconf -d` would say: the parameters that the catalogue has for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconciler.errors import PlanRefused
from reconciler.model.plan import Plan
from reconciler.model.snapshot import HostSnapshot
from reconciler.postfix import catalogue
from reconciler.postfix.effective import parse_defaults

VERSIONS = ("3.4.29", "3.5.25", "3.6.15", "3.7.11", "3.8.6", "3.9.1", "3.10.2", "3.11.0")
BASE = "enforce: all\n"
UNMANAGED = "certificates: {default: unmanaged}\n"


def defaults_of(version: str, real: bytes) -> bytes:
    """`postconf -d` as that version would answer."""
    series = catalogue.series(version) or (0, 0)
    known = catalogue.parameters()
    said = {
        name: value
        for name, value in parse_defaults(real).items()
        if name not in known or catalogue.knows(known[name], series)
    }
    said |= {name: "" for name, parameter in known.items() if catalogue.knows(parameter, series) and name not in said}
    return "".join(f"{name} = {value}\n" for name, value in said.items()).encode()


@pytest.fixture
def planned(host):
    """`planned(state, version, …)`: the plan of a host with that Postfix; `types` are its table types."""

    def make(
        state: str,
        version: str,
        *,
        offline: bool = False,
        types: frozenset[str] = frozenset({"hash", "lmdb", "cidr"}),
        main: str = "",
    ) -> Plan:
        def snapshot(self, kinds: Mapping[str, str]) -> HostSnapshot:
            real = host.snapshot(self, kinds)
            return replace(real, defaults=b"" if offline else defaults_of(version, real.defaults), table_types=types)

        simulated = type("Simulated", (host,), {"snapshot": snapshot})
        declared = BASE + ("" if "certificates:" in state else UNMANAGED) + state
        made: Plan = simulated(version=version, main=f"myhostname = mx1.example.org\n{main}").plan(declared)
        return made

    return make


def refused(planned, state: str, version: str, **options) -> list[str]:
    with pytest.raises(PlanRefused) as caught:
        planned(state, version, **options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "first"),
    [
        ("smtp_tls_enable_rpk", "yes", (3, 9)),
        ("smtp_tls_connection_reuse", "yes", (3, 4)),
        ("smtpd_tls_ccert_verifydepth", "3", (2, 2)),
        ("smtp_tls_force_insecure_host_tlsa_lookup", "yes", (3, 3)),
    ],
)
def test_a_parameter_is_refused_before_the_version_it_came_with(planned, name, value, first, offline) -> None:
    known = catalogue.parameters()[name]
    assert known.first <= first
    for version in VERSIONS:
        series = catalogue.series(version) or (0, 0)
        state = f"parameters: {{{name}: {value}}}\n"
        if known.first <= series:
            assert [str(it.address) for it in planned(state, version, offline=offline).changes] == [f"main.cf/{name}"]
        else:
            said = refused(planned, state, version, offline=offline)
            assert (
                f"Postfix {version} does not know this parameter; it came with Postfix {known.first[0]}.{known.first[1]}"
                in said[0]
            )


def test_what_the_host_says_wins_over_the_catalogue(planned, host) -> None:
    made = host(version="3.4.0").plan(BASE + UNMANAGED + "parameters: {smtp_tls_wrappermode: yes}\n")
    assert made.changes


def test_a_parameter_that_was_removed_is_refused(planned) -> None:
    state = "parameters: {tls_legacy_public_key_fingerprints: yes}\n"
    assert planned(state, "3.10.2").changes
    assert "Postfix 3.11 removed it" in refused(planned, state, "3.11.0")[0]


def test_chain_files_before_3_4_are_refused_with_what_to_write(planned) -> None:
    state = "certificates: {default: {chain_files: [tls.pem], until_present: self_signed}}\n"
    assert "\n".join(refused(planned, state, "3.3.22")) == (
        "hosts/mx1.example.org.yaml:2:39: smtpd_tls_chain_files: Postfix 3.3.22 does not know this parameter; "
        "it came with Postfix 3.4; write cert_file and key_file"
    )
    assert planned(state, "3.4.29").changes


ROW = "outgoing: {policies: {bank.example: %s}}\n"


@pytest.mark.parametrize(
    ("attribute", "first"),
    [
        ("enable_rpk=yes", (3, 9)),
        ("servername=a.example", (3, 4)),
        ("connection_reuse=yes", (3, 4)),
        ("policy_ttl=1", (3, 10)),
    ],
)
def test_a_policy_attribute_is_refused_before_the_version_it_came_with(planned, attribute, first) -> None:
    name = attribute.partition("=")[0]
    for version in VERSIONS:
        state = ROW % f"encrypt {attribute}"
        if first <= (catalogue.series(version) or (0, 0)):
            assert planned(state, version).changes
        else:
            said = "\n".join(refused(planned, state, version))
            assert said == (
                f"hosts/mx1.example.org.yaml:3:23: bank.example: Postfix {version} does not know the attribute {name}, "
                f"and would defer all mail of this row; it came with Postfix {first[0]}.{first[1]}; remove it for this host"
            )


def test_a_table_type_that_the_host_lacks_is_refused(planned) -> None:
    types = frozenset({"lmdb", "cidr"})
    table = "outgoing: {policy_table: 'hash:tls_policy', policies: {bank.example: encrypt}}\n"
    assert (
        "this Postfix has no tables of type hash; it has cidr, lmdb" in refused(planned, table, "3.8.6", types=types)[0]
    )
    maps = "parameters: {smtp_sasl_password_maps: 'hash:/etc/postfix/sasl'}\n"
    assert refused(planned, maps, "3.8.6", types=types)[0].endswith(
        "smtp_sasl_password_maps: Postfix 3.8.6 has no tables of type hash; it has cidr, lmdb; name another type"
    )


def test_a_host_whose_table_types_are_not_known_is_not_judged_by_them(planned) -> None:
    state = "parameters: {smtp_sasl_password_maps: 'cdb:/etc/postfix/sasl'}\n"
    assert planned(state, "3.8.6", types=frozenset(), offline=True).changes


@pytest.mark.parametrize(
    ("version", "written"), [("3.5.25", "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"), ("3.6.15", ">=TLSv1.2")]
)
def test_protocols_are_written_as_the_version_reads_them(planned, version, written) -> None:
    made = planned('incoming: {protocols: ">=TLSv1.2"}\n', version)
    assert [change.after for change in made.changes] == [written]


@pytest.mark.parametrize(
    ("version", "written"),
    [("3.5.25", "encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1"), ("3.6.15", "encrypt protocols=>=TLSv1.2")],
)
def test_the_protocols_of_a_policy_too(planned, version, written) -> None:
    made = planned(ROW % '"encrypt protocols=>=TLSv1.2"', version)
    assert written in [change.after for change in made.changes]


def warned(made: Plan) -> list[str]:
    return [it.text for it in made.warnings if it.rule == "deprecated"]


def test_a_deprecated_parameter_is_warned_of_when_it_is_written(planned) -> None:
    state = "parameters: {smtpd_use_tls: yes, smtpd_tls_eecdh_grade: strong}\n"
    assert warned(planned(state, "3.9.1")) == [
        "main.cf/smtpd_use_tls: deprecated from Postfix 3.9; write smtpd_tls_security_level instead",
        "main.cf/smtpd_tls_eecdh_grade: deprecated from Postfix 3.9; remove it (leave at default)",
    ]


def test_a_deprecated_parameter_that_stands_already_is_not_warned_of(planned) -> None:
    state = "parameters: {smtpd_use_tls: yes}\n"
    assert warned(planned(state, "3.9.1", main="smtpd_use_tls = yes\n")) == []


@pytest.mark.parametrize(("version", "verb"), [("3.7.11", "will mean"), ("3.8.6", "means")])
def test_a_grade_that_lost_its_meaning_is_warned_of(planned, version, verb) -> None:
    made = planned("incoming: {ciphers: low}\n", version, main="smtpd_tls_ciphers = export\n")
    assert warned(made) == [f"main.cf/smtpd_tls_ciphers: from Postfix 3.8 low {verb} medium; write medium"]
