"""The proofs of the service on real instances: each passing, and failing for a reason of its own."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.model.proof import Outcome, Proof
from reconciler.verify.service import regressions, service_proofs
from tests.verify.conftest import STATE, chain, outcomes, the

PASSED, FAILED, LEFT_OUT = Outcome.PASSED, Outcome.FAILED, Outcome.LEFT_OUT
MUST_STARTTLS = "530 5.7.0 Must issue a STARTTLS command first"


@pytest.mark.postfix
def test_every_proof_of_a_sound_host_holds(mail_host):
    host = mail_host()
    proofs = service_proofs(host.live(), host.state())
    assert outcomes(proofs, host.config_directory) == {"postfix-running": PASSED}
    assert outcomes(proofs, host.mx) == {"starttls-offered": PASSED, "certificate-served": PASSED}
    assert outcomes(proofs, f"127.0.0.1:{host.submission}") == {
        "starttls-offered": PASSED,
        "certificate-served": PASSED,
        "auth-hidden-in-plaintext": PASSED,
        "plaintext-auth-refused": PASSED,
        "plaintext-mail-refused": PASSED,
        "unauthenticated-refused": PASSED,
    }
    assert outcomes(proofs, f"127.0.0.1:{host.submissions}") == {
        "tls-on-connect": PASSED,
        "certificate-served": PASSED,
        "unauthenticated-refused": PASSED,
    }


@pytest.mark.postfix
def test_the_evidence_is_what_postfix_said(mail_host):
    host = mail_host()
    proofs = service_proofs(host.live())
    submission = f"127.0.0.1:{host.submission}"
    assert the(proofs, "plaintext-mail-refused", submission).observed == MUST_STARTTLS
    assert the(proofs, "plaintext-auth-refused", submission).observed == MUST_STARTTLS
    assert the(proofs, "unauthenticated-refused", submission).observed == (
        "554 5.7.1 <localhost[127.0.0.1]>: Client host rejected: Access denied to RCPT TO:<postmaster@mx1.test>"
    )
    assert the(proofs, "starttls-offered", submission).observed.startswith("TLSv1.3, TLS_")


@pytest.mark.postfix
def test_a_certificate_swapped_without_a_reload_is_not_the_one_served(mail_host):
    host = mail_host()
    service_proofs(host.live())  # the processes that serve have read the old one
    host.instance.write("tls.pem", chain("mx1.test"), 0o600)
    proof = the(service_proofs(host.live()), "certificate-served", host.mx)
    assert proof.outcome is FAILED
    assert proof.observed.startswith("0 of 3 connections, others were given sha256 ")
    host.instance.reload()
    assert the(service_proofs(host.live()), "certificate-served", host.mx).outcome is PASSED


@pytest.mark.postfix
def test_a_broken_chain_file_is_an_offer_that_postfix_does_not_keep(mail_host):
    host = mail_host()
    host.instance.write("tls.pem", "-----BEGIN NOTHING-----\n", 0o600)
    host.instance.reload()
    proofs = service_proofs(host.live())
    proof = the(proofs, "starttls-offered", host.mx)
    assert proof.outcome is FAILED
    assert proof.observed == "STARTTLS is answered with 454 4.7.0 TLS not available due to local problem"
    assert outcomes(proofs, host.mx)["certificate-served"] is LEFT_OUT


@pytest.mark.postfix
def test_starttls_that_is_hidden_is_not_offered(mail_host):
    host = mail_host(smtpd_discard_ehlo_keywords="starttls, dsn")
    proof = the(service_proofs(host.live()), "starttls-offered", host.mx)
    assert proof.outcome is FAILED
    assert proof.observed.startswith("EHLO lists no STARTTLS, only: PIPELINING")


@pytest.mark.postfix
def test_a_submission_service_opened_by_hand_fails_what_the_state_asks_of_it(mail_host):
    host = mail_host(smtpd_sasl_path="smtpd")
    host.edit("master.cf", "level=encrypt\n  -o smtpd_tls_wrappermode=no", "level=may")
    submission = f"127.0.0.1:{host.submission}"
    undeclared = outcomes(service_proofs(host.live()), submission)
    assert undeclared == {"starttls-offered": PASSED, "certificate-served": PASSED}
    declared = service_proofs(host.live(), host.state())
    assert outcomes(declared, submission) == {
        "starttls-offered": PASSED,
        "certificate-served": PASSED,
        "auth-hidden-in-plaintext": FAILED,
        "plaintext-auth-refused": FAILED,
        "plaintext-mail-refused": FAILED,
        "unauthenticated-refused": PASSED,
    }
    assert the(declared, "plaintext-mail-refused").observed == "250 2.1.0 Ok"
    assert the(declared, "auth-hidden-in-plaintext").observed == "EHLO lists AUTH PLAIN LOGIN"


@pytest.mark.postfix
@pytest.mark.parametrize("level", ["none", ""])
def test_a_level_that_the_state_enforces_is_due_whatever_an_option_of_the_listener_says(mail_host, level):
    host = mail_host()
    host.edit("master.cf", f"{host.mx} ", f"# {host.mx} ")
    path = Path(host.config_directory, "master.cf")
    entry = f"{host.mx} inet n - n - - smtpd\n  -o {{ smtpd_tls_security_level = {level} }}\n"
    host.instance.write("master.cf", path.read_text() + entry)
    host.instance.reload()
    assert the(service_proofs(host.live()), "starttls-offered", host.mx).outcome is LEFT_OUT
    proof = the(service_proofs(host.live(), host.state()), "starttls-offered", host.mx)
    assert proof.outcome is FAILED
    assert proof.observed.startswith("EHLO lists no STARTTLS")
    observed = host.state("observe: [incoming]\n" + STATE)
    assert the(service_proofs(host.live(), observed), "starttls-offered", host.mx).outcome is LEFT_OUT


@pytest.mark.postfix
def test_what_is_only_observed_is_not_held_against_the_host(mail_host):
    host = mail_host()
    host.edit("master.cf", "level=encrypt\n  -o smtpd_tls_wrappermode=no", "level=may")
    observed = host.state("observe: [submission]\n" + STATE)
    assert FAILED not in outcomes(service_proofs(host.live(), observed)).values()


@pytest.mark.postfix
def test_a_host_that_lets_its_own_addresses_in_does_not_refuse_the_unauthenticated(mail_host):
    host = mail_host()
    host.edit("master.cf", "=permit_sasl_authenticated,reject", "=permit_mynetworks,reject")
    proof = the(service_proofs(host.live()), "unauthenticated-refused", f"127.0.0.1:{host.submission}")
    assert proof.outcome is FAILED
    assert proof.observed == "250 2.1.5 Ok to RCPT TO:<postmaster@mx1.test>"


@pytest.mark.postfix
def test_a_refusal_that_soft_bounce_softens_is_one(mail_host):
    host = mail_host(soft_bounce="yes")
    proofs = service_proofs(host.live())
    submission = f"127.0.0.1:{host.submission}"
    assert set(outcomes(proofs, submission).values()) == {PASSED}
    assert the(proofs, "unauthenticated-refused", submission).observed.startswith("454 4.7.1")


@pytest.mark.postfix
def test_a_listener_that_demands_tls_of_everybody_refuses_plaintext_mail(mail_host):
    host = mail_host(smtpd_tls_security_level="encrypt")
    proofs = service_proofs(host.live())
    assert outcomes(proofs, host.mx) == {
        "starttls-offered": PASSED,
        "certificate-served": PASSED,
        "plaintext-mail-refused": PASSED,
    }


@pytest.mark.postfix
def test_what_the_limits_of_a_listener_keep_from_being_seen_is_no_failure(mail_host):
    host = mail_host(smtpd_client_event_limit_exceptions="", smtpd_client_connection_rate_limit="3")
    first = service_proofs(host.live())  # the start of the instance was a connection too
    assert the(first, "certificate-served", host.mx).observed.startswith("2 of 2 connections, sha256 ")
    again = service_proofs(host.live())
    assert outcomes(again, host.mx) == {"starttls-offered": LEFT_OUT, "certificate-served": LEFT_OUT}
    assert the(again, "starttls-offered", host.mx).observed.startswith("it does not talk to this host: 421 4.7.0 ")


@pytest.mark.postfix
def test_a_limit_of_tls_sessions_is_no_failure_either(mail_host):
    host = mail_host(smtpd_client_event_limit_exceptions="", smtpd_client_new_tls_session_rate_limit="1")
    first = service_proofs(host.live())
    assert the(first, "certificate-served", host.mx).observed.startswith("2 of 2 connections, sha256 ")
    again = service_proofs(host.live())
    assert "too many new TLS sessions" in the(again, "starttls-offered", host.mx).observed


@pytest.mark.postfix
def test_a_declared_service_that_is_gone_is_missed(mail_host):
    host = mail_host()
    host.edit("master.cf", f"127.0.0.1:{host.submission} inet", "127.0.0.1:1 inet")
    proof = the(service_proofs(host.live(), host.state(), patience=timedelta(seconds=2)), "service-present")
    assert proof.outcome is FAILED
    assert proof.subject == f"127.0.0.1:{host.submission}"


@pytest.mark.postfix
def test_a_listener_that_never_greets_costs_its_patience_and_no_more(mail_host):
    host = mail_host()
    host.edit("master.cf", "smtpd_sasl_path=smtpd", "smtpd_sasl_type=dovecot")
    started = time.monotonic()
    proofs = service_proofs(host.live(), patience=timedelta(seconds=1))
    assert time.monotonic() - started < 2
    proof = the(proofs, "starttls-offered", f"127.0.0.1:{host.submission}")
    assert proof.outcome is FAILED
    assert proof.observed.startswith("no answer to EHLO mx1.test within 1.0 s, under TLSv1.3")
    assert the(proofs, "starttls-offered", host.mx).outcome is PASSED


@pytest.mark.postfix
def test_a_stopped_postfix_is_one_failed_proof_and_the_rest_left_out(mail_host):
    host = mail_host()
    host.instance.stop()
    first, *others = service_proofs(host.live())
    assert (first.name, first.outcome) == ("postfix-running", FAILED)
    assert {(proof.outcome, proof.observed) for proof in others} == {(LEFT_OUT, "Postfix is not running")}


@pytest.mark.postfix
def test_a_listener_without_tls_is_left_out(mail_host):
    host = mail_host(smtpd_tls_security_level="none")
    assert the(service_proofs(host.live()), "starttls-offered", host.mx).observed == (
        "smtpd_tls_security_level is none here"
    )


def proof(outcome: Outcome, subject: str = "127.0.0.1:25") -> Proof:
    return Proof("starttls-offered", subject, outcome, "", "")


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ((proof(PASSED),), (proof(FAILED),), (proof(FAILED),)),
        ((), (proof(FAILED),), (proof(FAILED),)),
        ((proof(LEFT_OUT),), (proof(FAILED),), (proof(FAILED),)),
        ((proof(FAILED),), (proof(FAILED),), ()),
        ((proof(FAILED),), (proof(FAILED, "127.0.0.1:587"),), (proof(FAILED, "127.0.0.1:587"),)),
        ((proof(PASSED),), (proof(LEFT_OUT),), ()),
        ((proof(PASSED),), (), ()),
    ],
    ids=["broke", "new", "was not told", "failed before", "another failed before", "cannot be told now", "gone"],
)
def test_only_what_failed_before_may_fail_after(before, after, worse):
    assert regressions(before, after) == worse
