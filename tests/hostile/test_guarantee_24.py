"""Guarantee 24: any string in any field: it is refused, or the rendered files parse back to exactly the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import desired, live, plan
from reconciler.errors import PlanRefused, StateInvalid
from reconciler.model.address import (
    ElementAddress,
    FileAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RepoSnapshot
from reconciler.postfix import main_cf, master_cf, table
from tests.golden import test_golden as golden
from tests.hostile.payloads import ALL

LIVE = golden.HERE / "first-apply/live"
_CERTIFICATES = "certificates: {default: {chain_files: [%s], until_present: self_signed}}"
_SUBMISSION = "certificates: {default: unmanaged}\nsubmission: {sasl: {type: %s, path: %s}}"
FIELDS = {
    "chain": _CERTIFICATES.replace("%s", "@"),
    "level": "certificates: {default: unmanaged}\nincoming: {security_level: @}",
    "sender": "incoming: {policies: {senders: [@]}}",
    "client": "incoming: {policies: {clients: [@]}}",
    "ca_file": "outgoing: {ca_file: @}",
    "nexthop": "outgoing: {policies: {@: encrypt}}",
    "policy": "outgoing: {policies: {bank.example: @}}",
    "policy match": "outgoing: {policies: {bank.example: @}}",
    "parameter": "parameters: {smtpd_tls_received_header: @}",
    "list": "parameters: {smtp_tls_exclude_ciphers: @}",
    "text": "parameters: {smtp_tls_mandatory_ciphers: @}",
    "sasl type": _SUBMISSION % ("@", "private/auth"),
    "sasl path": _SUBMISSION % ("dovecot", "@"),
    "listen": "certificates: {default: unmanaged}\nsubmission: {listen: @, sasl: {type: dovecot, path: private/auth}}",
    "reason": "waivers: [{guard: tls_weakened, at: main.cf/smtpd_tls_loglevel, reason: @, until: 2027-01-31}]",
    "at": "waivers: [{guard: tls_weakened, at: @, reason: r, until: 2027-01-31}]",
}
VALID = (
    "tls/mx.pem", "/etc/ssl/mx.pem", "encrypt", "may", "bank.example", ".bank.example", "user@bank.example", "192.0.2.0/24",
    "[mx.example]:587", "secure match=nexthop:dot-nexthop", "encrypt protocols=>=TLSv1.2", "yes", "aNULL, MD5", "high",
    "private/auth", "smtpd", "dovecot", "127.0.0.1:2587", "587", "[::1]:587", "table/tls_policy#bank.example", "$myhostname",
)  # fmt: skip
INJECTED = (
    "\n", "\r\n", "\nmynetworks = 0.0.0.0/0", "\n  -o smtpd_relay_restrictions=permit", " -o content_filter=x", "\n ", " #", "#",
    "\nevil unix - n n - - pipe", "\t", " ", "  ", ",", ", permit", "=", "$", "${", "${x", "$(id)", "`id`", "\\", "\\\n", "'", '"',
    "{", "}", "{ permit }", "\0", "\x85", "\u2028", "\u00a0", "\ufeff", "x y z", " encrypt", "\nother.example none", ":", "/../",
)  # fmt: skip


def state(field: str, text: str) -> DesiredState | None:
    """The state whose one field is `text`, or None where it is refused."""
    source = "enforce: all\n" + FIELDS[field].replace("@", json.dumps(text)) + "\n"
    files = {f"hosts/{golden.HOST}.yaml": source.encode("utf-8", "surrogatepass")}
    try:
        return desired.load(RepoSnapshot(files, "r", "o"), golden.HOST)
    except StateInvalid:
        return None


def plan_for(wanted: DesiredState, directory: Path, last: LastApplied) -> Plan | None:
    first = live.read(golden.snapshot_of(directory))
    config = live.read(golden.snapshot_of(directory, plan.interests(wanted, first, last).tables))
    try:
        return plan.plan(wanted, config, last, revision="r", origin="o")
    except PlanRefused:
        return None


def holds(field: str, text: str, after: Path) -> bool:
    """Whether it was taken; where it was, that carrying it out is exactly what the plan says, and nothing beside it."""
    wanted = state(field, text)
    made = plan_for(wanted, LIVE, LastApplied(golden.DIRECTORY)) if wanted else None
    if wanted is None or made is None:
        return False
    golden.carry_out(made, LIVE, after)
    again = plan_for(wanted, after, LastApplied(golden.DIRECTORY, made.revision, made.record))
    assert again is not None
    assert [it for it in again.changes if not isinstance(it.address, FileAddress)] == []  # files are made by apply
    _only_what_is_planned(made, after)
    return True


def _only_what_is_planned(made: Plan, after: Path) -> None:
    named = {
        it.address.name if isinstance(it.address, ParameterAddress) else it.address.parameter
        for it in made.changes
        if isinstance(it.address, ParameterAddress | ElementAddress)
    }
    assert _entries(after) - _entries(LIVE) == {it for it in _entries(after) if it[0] in named} - _entries(LIVE)
    assert {name for name, _ in _entries(after)} <= {name for name, _ in _entries(LIVE)} | named
    services = {(it.address.endpoint, it.address.type) for it in made.changes if isinstance(it.address, ServiceAddress)}
    assert _services(after) - _services(LIVE) <= services
    for path in {it.address.path for it in made.changes if isinstance(it.address, TableAddress) and it.after}:
        rows = {
            it.address.key: it.after
            for it in made.changes
            if isinstance(it.address, RowAddress) and it.address.path == path
        }
        content = (after / Path(path).name).read_bytes()
        read = {key.decode(): row.value.decode() for key, row in table.parse(content).rows.items()}
        assert read == rows


def _entries(directory: Path) -> set[tuple[str, bytes]]:
    document = main_cf.parse((directory / "main.cf").read_bytes())
    return {(it.name.decode(), it.value) for it in document.nodes if isinstance(it, main_cf.Entry)}


def _services(directory: Path) -> set[tuple[str, str]]:
    return {it.key for it in master_cf.parse((directory / "master.cf").read_bytes()).services}


@pytest.mark.parametrize("field", FIELDS)
def test_guarantee_24_payloads_are_refused_or_rendered_to_what_they_say(field: str, tmp_path: Path) -> None:
    for number, text in enumerate(ALL.values()):
        holds(field, text, tmp_path / str(number))


@pytest.mark.parametrize("field", FIELDS)
def test_guarantee_24_a_valid_value_with_something_injected_is_refused_or_rendered_to_what_it_says(
    field: str, tmp_path: Path
) -> None:
    valid = next(text for text in VALID if holds(field, text, tmp_path / "valid"))
    for number, piece in enumerate(INJECTED):
        at = (0, len(valid) // 2, len(valid))[number % 3]
        holds(field, valid[:at] + piece + valid[at:], tmp_path / f"at-{number}")
        holds(field, valid + piece, tmp_path / f"after-{number}")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FIELDS)), st.sampled_from(VALID), st.text(max_size=12), st.integers(0, 20))
def test_guarantee_24_any_string_at_all(tmp_path: Path, field: str, valid: str, piece: str, at: int) -> None:
    holds(field, valid[:at] + piece + valid[at:], tmp_path / "after")
