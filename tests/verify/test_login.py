"""Logging in, and the password that nothing shows."""

from __future__ import annotations

import pytest

from reconciler.host.sasl import PrivateDovecot
from reconciler.model.proof import Outcome
from reconciler.probe.smtp import Credentials
from reconciler.verify import listeners
from reconciler.verify.login import logins
from tests.verify.conftest import PASSWORD, USER

pytestmark = pytest.mark.postfix


def prove(host, auth):
    return tuple(logins(listeners.of(host.live()), auth))


def test_a_user_with_the_right_password_may_send_on_both_services(mail_host):
    host = mail_host()
    proofs = prove(host, Credentials(USER, PASSWORD))
    assert {proof.subject for proof in proofs} == {f"127.0.0.1:{host.submission}", f"127.0.0.1:{host.submissions}"}
    assert {proof.observed for proof in proofs} == {
        "235 2.7.0 Authentication successful; 250 2.1.0 Ok; 250 2.1.5 Ok",
    }
    assert host.instance.queue() == b""


def test_a_user_of_dovecot_may_send_too(mail_host):
    host = mail_host()
    with PrivateDovecot(host.instance, {"bob": "looking"}):
        host.edit("master.cf", "smtpd_sasl_type=cyrus\n  -o smtpd_sasl_path=smtpd", "smtpd_sasl_path=private/auth")
        host.instance.configure(smtpd_sasl_type="dovecot")
        host.instance.reload()
        assert {proof.outcome for proof in prove(host, Credentials("bob", "looking"))} == {Outcome.PASSED}


def test_a_wrong_password_is_refused_and_not_shown(mail_host):
    host = mail_host()
    wrong = Credentials(USER, "wrong-one")
    for proof in prove(host, wrong):
        assert proof.outcome is Outcome.FAILED
        assert proof.observed.startswith("535 5.7.8 Error: authentication failed")
        assert f"to AUTH PLAIN (as {USER}); EHLO lists AUTH PLAIN LOGIN" in proof.observed
        assert "wrong-one" not in repr((proof, wrong))
        assert wrong.initial_response not in repr((proof, wrong))


def test_without_credentials_it_is_left_out(mail_host):
    proofs = prove(mail_host(), None)
    assert {(proof.outcome, proof.observed) for proof in proofs} == {(Outcome.LEFT_OUT, "no --auth-user was given")}


def test_no_password_travels_where_tls_does_not_work(mail_host):
    host = mail_host()
    host.instance.configure(smtpd_discard_ehlo_keywords="starttls")
    host.instance.reload()
    proof = next(it for it in prove(host, Credentials(USER, PASSWORD)) if it.subject.endswith(str(host.submission)))
    assert (proof.outcome, proof.observed) == (Outcome.FAILED, "no TLS session to log in in")
    assert "AUTH" not in host.instance.log()
