"""Declared policies for senders and clients, as a sender meets them."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from reconciler.model.proof import Outcome
from reconciler.verify import incoming
from tests.verify.conftest import STATE, outcomes, the

pytestmark = pytest.mark.postfix

PASSED, FAILED, LEFT_OUT = Outcome.PASSED, Outcome.FAILED, Outcome.LEFT_OUT
SENDERS = STATE.replace("  security_level: may\n", "  security_level: may\n  policies: {senders: [bank.example]}\n")
CLIENTS = SENDERS.replace("senders: [bank.example]", 'clients: [127.0.0.0/8, "2001:db8::/32", mail.example]')
BANK = ("bank.example reject_plaintext_session", ".bank.example reject_plaintext_session")
ROW, SUBDOMAINS = "table/tls_senders#bank.example", "table/tls_senders#.bank.example"


@pytest.fixture
def guarded(mail_host):
    """A host that holds bank.example to TLS, and another check behind that."""
    host = mail_host(
        smtpd_sender_restrictions="check_sender_access hash:$config_directory/tls_senders, reject_non_fqdn_sender"
    )
    host.table("tls_senders", *BANK)
    host.instance.reload()
    return host


def test_a_sender_under_forced_tls_is_refused_in_plaintext_and_taken_under_tls(guarded):
    proofs = tuple(incoming.policies(guarded.live(), guarded.state(SENDERS)))
    both = {"sender-policy-plaintext": PASSED, "sender-policy-tls": PASSED}
    assert outcomes(proofs, ROW) == both
    assert outcomes(proofs, SUBDOMAINS) == both
    assert the(proofs, "sender-policy-plaintext", SUBDOMAINS).observed == (
        "450 4.7.1 Session encryption is required to RCPT TO:<postmaster@mx1.test>"
    )
    assert the(proofs, "sender-policy-tls", ROW).observed == "250 2.1.5 Ok to RCPT TO:<postmaster@mx1.test>"
    assert guarded.instance.delivered() == []
    assert guarded.instance.queue() == b""


def test_a_row_that_is_gone_lets_plaintext_in(guarded):
    guarded.table("tls_senders", BANK[1])
    proofs = tuple(incoming.policies(guarded.live(), guarded.state(SENDERS)))
    assert the(proofs, "sender-policy-plaintext", ROW).outcome is FAILED
    assert the(proofs, "sender-policy-plaintext", ROW).observed.startswith("250 2.1.5 Ok")
    assert the(proofs, "sender-policy-plaintext", SUBDOMAINS).outcome is FAILED  # parent_domain_matches_subdomains


def test_a_row_that_refuses_altogether_fails_under_tls(guarded):
    guarded.table("tls_senders", "bank.example reject", BANK[1])
    proofs = tuple(incoming.policies(guarded.live(), guarded.state(SENDERS)))
    assert outcomes(proofs, ROW) == {"sender-policy-plaintext": FAILED, "sender-policy-tls": FAILED}
    assert "554 5.7.1" in the(proofs, "sender-policy-tls", ROW).observed


def test_a_table_that_is_missing_is_a_server_configuration_error(guarded):
    guarded.edit("main.cf", "hash:$config_directory/tls_senders", "hash:$config_directory/nowhere")
    proofs = tuple(incoming.policies(guarded.live(), guarded.state(SENDERS)))
    proof = the(proofs, "sender-policy-tls", ROW)
    assert proof.outcome is FAILED
    assert "451 4.3.5 " in proof.observed
    assert "Server configuration error" in proof.observed


def test_a_check_that_has_nothing_to_do_with_tls_is_no_failure(guarded):
    nobody = "check_recipient_access inline:{ { postmaster@mx1.test = 550 5.1.1 nobody } }"
    guarded.instance.configure(smtpd_recipient_restrictions=nobody)
    guarded.instance.reload()
    proofs = tuple(incoming.policies(guarded.live(), guarded.state(SENDERS)))
    assert outcomes(proofs, ROW) == {"sender-policy-plaintext": PASSED, "sender-policy-tls": LEFT_OUT}
    assert "5.1.1" in the(proofs, "sender-policy-tls", ROW).observed


def test_a_listener_that_does_not_answer_is_asked_once(guarded):
    guarded.instance.configure(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot")
    guarded.instance.reload()
    started = time.monotonic()
    first, *others = incoming.policies(guarded.live(), guarded.state(SENDERS), timedelta(seconds=1))
    assert time.monotonic() - started < 2
    assert first.observed.startswith("no answer to ")
    assert {proof.outcome for proof in (first, *others)} == {LEFT_OUT}


def test_a_client_policy_is_tried_where_the_probe_meets_it(mail_host):
    host = mail_host(smtpd_client_restrictions="check_client_access cidr:$config_directory/tls_clients.cidr")
    host.instance.write("tls_clients.cidr", "127.0.0.0/8 reject_plaintext_session\n")
    host.instance.reload()
    proofs = tuple(incoming.policies(host.live(), host.state(CLIENTS)))
    table = next(it for it in host.state(CLIENTS).tables if it.rows[0].key == "127.0.0.0/8")
    assert outcomes(proofs, f"table/{table.path}#127.0.0.0/8") == {
        "client-policy-plaintext": PASSED,
        "client-policy-tls": PASSED,
    }
    assert the(proofs, "client-policy-plaintext", f"table/{table.path}").observed == (
        "1 of 2 rows are for other clients than 127.0.0.1, from which this probes"
    )


def test_policies_that_are_only_observed_are_left_out(guarded):
    observed = guarded.state("observe: [incoming.policies]\n" + SENDERS)
    (proof,) = incoming.policies(guarded.live(), observed)
    assert (proof.outcome, proof.observed) == (LEFT_OUT, "incoming.policies is only observed")


def test_more_rows_than_are_tried_are_told(guarded):
    many = guarded.state(SENDERS.replace("[bank.example]", "[a.test, b.test, c.test]"))
    *_, last = incoming.policies(guarded.live(), many)
    assert (last.outcome, last.observed) == (LEFT_OUT, "1 further rows; 5 of a table are tried")


def test_a_policy_that_no_listener_can_keep_is_a_failure(guarded):
    guarded.edit("main.cf", "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    undeclared = SENDERS.replace("  security_level: may\n", "")
    (proof,) = incoming.policies(guarded.live(), guarded.state(undeclared))
    assert (proof.outcome, proof.observed) == (FAILED, "no listener takes mail with and without TLS")


def test_a_policy_is_no_failure_where_everybody_is_held_to_tls(guarded):
    guarded.edit("main.cf", "smtpd_tls_security_level = may", "smtpd_tls_security_level = encrypt")
    everybody = guarded.state(SENDERS.replace("security_level: may", "security_level: encrypt"))
    (proof,) = incoming.policies(guarded.live(), everybody)
    assert (proof.outcome, proof.observed) == (LEFT_OUT, "no listener takes mail with and without TLS")
