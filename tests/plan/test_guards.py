"""Each guard: it trips, a waiver lets it pass, an ended waiver does not, and what was already so blocks nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import HostUnreadable
from reconciler.model.snapshot import Certificate, PemFile

Make = Callable[..., Any]
BASE = "enforce: all\ncertificates: {default: unmanaged}\n"
WAIVER = "waivers:\n  - {{guard: {0}, at: '{1}', reason: agreed, until: {2}}}\n"


def level(value: str) -> str:
    return BASE + f"incoming: {{security_level: {value}}}\n"


CASES = {
    "level": ("smtpd_tls_security_level = encrypt\n", level("may"), "main.cf/smtpd_tls_security_level"),
    "client level": ("smtp_tls_security_level = encrypt\n", BASE + "outgoing: {security_level: may}\n", "main.cf/smtp_tls_security_level"),
    "protocol floor": ("smtpd_tls_protocols = >=TLSv1.2\n", BASE + 'incoming: {protocols: ">=TLSv1"}\n', "main.cf/smtpd_tls_protocols"),
    "cipher grade": ("smtpd_tls_mandatory_ciphers = high\n", BASE + "incoming: {mandatory_ciphers: medium}\n", "main.cf/smtpd_tls_mandatory_ciphers"),
    "auth only": ("smtpd_tls_auth_only = yes\n", BASE + "incoming: {auth_only: no}\n", "main.cf/smtpd_tls_auth_only"),
}  # fmt: skip


@pytest.mark.parametrize(("main", "state", "address"), CASES.values(), ids=CASES)
def test_tls_weakened_trips(host: Make, main: str, state: str, address: str) -> None:
    made = host(main=main).plan(state)
    assert [(it.rule, str(it.address)) for it in made.blockers] == [("tls_weakened", address)]


@pytest.mark.parametrize(("main", "state", "address"), CASES.values(), ids=CASES)
def test_a_waiver_lets_it_pass_and_is_shown(host: Make, main: str, state: str, address: str) -> None:
    made = host(main=main).plan(state + WAIVER.format("tls_weakened", address, "2026-11-23"))
    assert made.blockers == ()
    assert [it.waiver.reason for it in made.guards] == ["agreed"]


@pytest.mark.parametrize(("main", "state", "address"), CASES.values(), ids=CASES)
def test_an_ended_waiver_does_not(host: Make, main: str, state: str, address: str) -> None:
    made = host(main=main).plan(state + WAIVER.format("tls_weakened", address, "2026-11-22"))
    assert "its waiver ended on 2026-11-22" in made.blockers[0].text


@pytest.mark.parametrize(("main", "state", "address"), CASES.values(), ids=CASES)
def test_what_was_already_so_blocks_nothing(host: Make, main: str, state: str, address: str) -> None:
    weak = host(main=main).plan(state + WAIVER.format("tls_weakened", address, "2026-12-31"))
    mx = host(main=main).after(weak)
    assert mx.plan(state + "parameters: {tls_ssl_options: NO_RENEGOTIATION}\n").guards == ()


def test_a_dropped_policy_row_trips(host: Make) -> None:
    mx = host().applied(BASE + "outgoing: {policies: {bank.example: secure, fax.example: encrypt}}\n")
    made = mx.plan(BASE + "outgoing: {policies: {bank.example: secure}, loglevel: 1}\n")
    assert [str(it.address) for it in made.blockers] == ["table/tls_policy#fax.example"]


def test_a_sender_that_may_use_plaintext_again_trips(host: Make) -> None:
    mx = host().applied(BASE + "incoming: {policies: {senders: [bank.example, a@b.example]}}\n")
    made = mx.plan(BASE + "incoming: {policies: {senders: [bank.example]}, loglevel: 1}\n")
    assert [(it.rule, str(it.address)) for it in made.blockers] == [("tls_weakened", "table/tls_senders#a@b.example")]


def test_a_submission_option_that_is_weakened_trips(host: Make) -> None:
    state = BASE + "submission: {ciphers: high, sasl: {type: dovecot, path: private/auth}}\n"
    made = host().applied(state).plan(state.replace("high", "low"))
    assert [str(it.address) for it in made.blockers] == ["master.cf/submission/inet/-o/smtpd_tls_mandatory_ciphers"]


def test_undoing_a_hand_edit_that_was_stronger_is_no_weakening(host: Make) -> None:
    mx = host().applied(level("may")).edited("smtpd_tls_security_level = may", "smtpd_tls_security_level = encrypt")
    assert mx.plan(level("may")).blockers == ()


def test_going_back_to_a_state_that_was_live_needs_no_waiver(host: Make) -> None:
    mx = host().applied(level("may")).applied(level("encrypt"))
    assert mx.plan(level("may")).guards == ()


def test_removes_too_much_trips(host: Make) -> None:
    rows = ", ".join(f"d{number}.example: encrypt" for number in range(12))
    mx = host().applied(BASE + f"outgoing: {{loglevel: 1, policies: {{{rows}}}}}\n")
    made = mx.plan(BASE + "outgoing: {loglevel: 2}\n")
    assert "removes_too_much" in {it.rule for it in made.blockers}


def test_dane_without_dnssec_trips_where_it_is_new(host: Make) -> None:
    wanted = "enforce: [parameters]\nparameters: {smtp_dns_support_level: enabled}\n"
    safe = host(main="smtp_tls_security_level = dane\nsmtp_dns_support_level = dnssec\n")
    assert [it.rule for it in safe.plan(wanted).blockers] == ["dane_without_dnssec"]
    blind = host(main="smtp_tls_security_level = dane\n")
    assert blind.plan("enforce: [parameters]\nparameters: {tls_ssl_options: NO_RENEGOTIATION}\n").guards == ()


def pem(problem: str, *, key: str = "k", ends: datetime = datetime(2027, 1, 1, tzinfo=UTC)) -> PemFile:
    leaf = Certificate("c", "k", "mx1", ("mx1",), datetime(2026, 1, 1, tzinfo=UTC), ends, True)
    return PemFile("f", (leaf,), key, ("key", "certificate"), 0o600, 0, problem)


@pytest.mark.parametrize(
    ("rule", "file"),
    [
        ("key_mismatch", pem("the key does not belong to the certificate", key="other")),
        ("certificate_not_valid", pem("", ends=datetime(2026, 11, 1, tzinfo=UTC))),
        ("key_exposed", replace(pem(""), mode=0o644)),
        ("certificate_unusable", replace(pem(""), key_public_sha256=None)),
        ("certificate_unusable", pem("the key does not come first")),
    ],
)
def test_a_certificate_that_cannot_be_served_is_not_taken_into_use(host: Make, rule: str, file: PemFile) -> None:
    state = "enforce: all\ncertificates: {default: {chain_files: [a.pem]}}\n"
    assert [it.rule for it in host(pems={"a.pem": file}).plan(state).blockers] == [rule]
    in_use = host(main="smtpd_tls_chain_files = $config_directory/a.pem\n", pems={"a.pem": file})
    assert in_use.plan(state + "outgoing: {loglevel: 1}\n").blockers == ()


def test_a_key_that_does_not_belong_to_the_certificate_beside_it_trips(host: Make) -> None:
    chain = replace(pem(""), key_public_sha256=None)
    key = replace(pem("", key="other"), certificates=())
    state = "enforce: all\ncertificates: {default: {cert_file: c.pem, key_file: k.pem}}\n"
    made = host(pems={"c.pem": chain, "k.pem": key}).plan(state)
    assert [(it.rule, str(it.address)) for it in made.blockers] == [("key_mismatch", "file/k.pem")]


BLOCK = "# BEGIN ANSIBLE MANAGED BLOCK\nsmtp_tls_loglevel = 0\n# END ANSIBLE MANAGED BLOCK\nsmtpd_tls_loglevel = 0\n"


def test_what_another_tool_writes_is_not_written_and_the_rest_of_the_file_is(host: Make) -> None:
    made = host(main=BLOCK).plan(BASE + "outgoing: {loglevel: 1}\nincoming: {loglevel: 1}\n")
    assert [(it.rule, str(it.address)) for it in made.blockers] == [("managed_elsewhere", "main.cf/smtp_tls_loglevel")]


def test_a_block_that_is_never_ended_is_no_block(host: Make) -> None:
    made = host(main=BLOCK.replace("# END ANSIBLE MANAGED BLOCK\n", "")).plan(BASE + "outgoing: {loglevel: 1}\n")
    assert made.blockers == ()


def test_a_service_in_such_a_block_is_not_written(host: Make) -> None:
    block = "# BEGIN ANSIBLE MANAGED BLOCK\n587 inet n - y - - smtpd\n# END ANSIBLE MANAGED BLOCK\n"
    made = host(master="smtp inet n - y - - smtpd\n" + block).plan(
        BASE + "submission: {sasl: {type: dovecot, path: x}}\n"
    )
    assert {it.rule for it in made.blockers} == {"managed_elsewhere"}


def test_a_certificate_renewed_since_the_last_reload_takes_one(host: Make) -> None:
    state = "enforce: all\ncertificates: {default: {chain_files: [a.pem]}}\n"
    mx = host(pems={"a.pem": pem("")}).applied(state)
    assert mx.plan(state).is_empty
    renewed = replace(mx, pems={"a.pem": replace(pem(""), sha256="new")})
    made = renewed.plan(state)
    assert [(str(it.address), it.reason.value, it.disruption.value) for it in made.changes] == [
        ("file/a.pem", "CertificateRenewed", "reload")
    ]
    assert renewed.after(made).plan(state).is_empty
    broken = replace(mx, pems={"a.pem": replace(pem("", key="other"), sha256="x", problem="the key is another's")})
    assert [it.rule for it in broken.plan(state).blockers] == ["key_mismatch"]


def test_a_certificate_that_sessions_are_not_given_takes_a_reload_and_writes_nothing(host: Make) -> None:
    mx = host(pems={"a.pem": pem("")}).applied("enforce: all\ncertificates: {default: {chain_files: [a.pem]}}\n")
    given = {"/etc/postfix/a.pem": "sha256 another"}
    made = mx.plan("enforce: all\ncertificates: {default: {chain_files: [a.pem]}}\n", unserved=given)
    assert [(str(it.address), it.before, it.reason.value, it.why.value) for it in made.changes] == [
        ("file/a.pem", "sha256 another", "CertificateNotServed", "corrective")
    ]
    assert (made.edits, made.certificates, [type(it).__name__ for it in made.actions]) == ((), (), ["Reload"])
    assert made.blockers == ()
    observed = "enforce: [outgoing]\ncertificates: {default: {chain_files: [a.pem]}}\n"
    assert mx.plan(observed, unserved=given).is_empty


@pytest.mark.parametrize(
    ("main", "master"),
    [
        ("service_throttle_time = 10q\n", ""),
        ("\ufeffcompatibility_level = 3.6\n", ""),
        ("mail_name = x\n", "19999 inet y - n - - smtpd\n"),
        ("mail_name = x\n", "19999 inet n - n - q smtpd\n"),
    ],
)
def test_a_host_whose_next_reload_would_end_it_is_not_planned_for(host: Make, main: str, master: str) -> None:
    with pytest.raises(HostUnreadable):
        host(main=main, master="smtp inet n - y - - smtpd\n" + master).plan(BASE + "outgoing: {loglevel: 1}\n")
