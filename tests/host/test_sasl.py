"""Users log in to private instances through Dovecot and through Cyrus, under TLS only."""

from __future__ import annotations

import os
import smtplib
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.host.certificates import make_self_signed
from reconciler.host.instance import DidNotStart
from reconciler.host.processes import group
from reconciler.host.sasl import PrivateDovecot, add_cyrus_users

pytestmark = pytest.mark.postfix
USERS = {"joe": "correct horse"}
SUBMISSION = {"smtpd_tls_security_level": "encrypt", "smtpd_sasl_auth_enable": "yes"}


@pytest.fixture
def instance(instances):
    made = instances(started=False, main_cf_extra=SUBMISSION)
    key, certificate = make_self_signed([made.name], timedelta(days=1), datetime.now(UTC))
    chain = made.write("chain.pem", key + certificate, mode=0o600)
    made.write("ca.pem", certificate)
    made.configure(smtpd_tls_chain_files=chain)
    return made


@contextmanager
def session(instance):
    context = ssl.create_default_context(cafile=f"{instance.config_directory}/ca.pem")
    context.check_hostname = False  # we speak to an address
    with smtplib.SMTP("127.0.0.1", instance.smtpd_port, timeout=20) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        smtp.starttls(context=context)
        smtp.ehlo()
        yield smtp


def accepts(instance) -> None:
    with session(instance) as smtp:
        assert smtp.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        smtp.user, smtp.password = "joe", USERS["joe"]
        assert smtp.auth("PLAIN", smtp.auth_plain)[0] == 235
    instance.wait_for_log("auth=1 quit=1")


def refuses_another_password(instance) -> None:
    with session(instance) as smtp, pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        smtp.login("joe", "wrong")
    assert refusal.value.smtp_code == 535


def test_dovecot_accepts_its_user_and_no_other_password(instance):
    instance.configure(smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth")
    with PrivateDovecot(instance, USERS), instance:
        accepts(instance)
        refuses_another_password(instance)


def test_cyrus_accepts_its_user_and_no_other_password(instance):
    instance.configure(smtpd_sasl_type="cyrus", smtpd_sasl_path="smtpd")
    add_cyrus_users(instance, USERS)
    with instance:
        accepts(instance)
        refuses_another_password(instance)


def test_nothing_of_dovecot_is_left_running(instance):
    with PrivateDovecot(instance, USERS) as dovecot:
        leader = dovecot.pid or 0
        assert len(tuple(group(leader))) > 1
    assert tuple(group(leader)) == ()


def test_a_dovecot_that_cannot_start_says_why(instance):
    dovecot = PrivateDovecot(instance, USERS)
    blocked = dovecot.socket
    os.mkdir(blocked)
    with pytest.raises(DidNotStart, match="auth socket"), dovecot:
        pytest.fail("it runs")
    assert dovecot.pid is None
