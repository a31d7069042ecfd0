"""Where each listener is reached, and what it shall do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler import desired, live
from reconciler.model.snapshot import FileState, HostSnapshot, RepoSnapshot
from reconciler.verify import listeners

DEFAULTS = """\
inet_interfaces = all
inet_protocols = all
myhostname = mx1.test
mydestination = $myhostname, localhost
smtpd_tls_security_level =
"""
SMTP = "smtp inet n - n - - smtpd\n"


def config(master: str = SMTP, main: str = ""):
    files = {
        f"/etc/postfix/{name}": FileState(text.encode(), 0o644, 0, 0, 0, f"/etc/postfix/{name}")
        for name, text in (("main.cf", f"mail_name = Postfix\n{main}"), ("master.cf", master))
    }
    snapshot = HostSnapshot(
        config_directory="/etc/postfix",
        files=files,
        now=datetime(2026, 3, 1, tzinfo=UTC),
        mail_version="3.7.11",
        defaults=DEFAULTS.encode(),
        table_types=frozenset(),
        sasl_server_types=frozenset(),
        master_pid=None,
    )
    return live.read(snapshot)


@pytest.mark.parametrize(
    ("name", "main", "subject"),
    [
        ("smtp", "", "127.0.0.1:25"),
        ("smtp", "inet_interfaces = loopback-only", "127.0.0.1:25"),
        ("smtp", "inet_protocols = ipv6", "[::1]:25"),
        ("smtp", "inet_interfaces = 192.0.2.1, 127.0.0.1", "127.0.0.1:25"),
        ("smtp", "inet_interfaces = $myhostname, 192.0.2.1", "192.0.2.1:25"),
        ("smtp", "inet_interfaces = 2001:db8::1", "[2001:db8::1]:25"),
        ("submission", "", "127.0.0.1:587"),
        ("10.0.0.1:submission", "", "10.0.0.1:587"),
        ("[::1]:2525", "", "[::1]:2525"),
        ("0.0.0.0:25", "", "127.0.0.1:25"),
        ("localhost:10025", "", "127.0.0.1:10025"),
        ("mx.example:25", "", "mx.example:25"),
    ],
)
def test_a_listener_is_reached_at_an_address_of_its_own(name, main, subject):
    (found,) = listeners.of(config(f"{name} inet n - n - - smtpd\n", f"{main}\n"))
    assert (found.subject, found.closed) == (subject, "")


@pytest.mark.parametrize(
    ("master", "main", "why"),
    [
        ("mailman inet n - n - - smtpd\n", "", "'mailman' names no port that is known here"),
        (SMTP, "smtpd_upstream_proxy_protocol = haproxy\n", "it expects haproxy connections from a proxy"),
        (SMTP, "inet_interfaces = $myhostname\n", "inet_interfaces names no address"),
    ],
)
def test_a_listener_that_cannot_be_probed_says_why(master, main, why):
    (found,) = listeners.of(config(master, main))
    assert found.closed == why


def test_only_what_speaks_smtp_over_tcp_is_a_listener():
    master = SMTP + "qmqp inet n - n - - qmqpd\npickup unix n - n 60 1 pickup\nsmtpd pass - - n - - smtpd\n"
    assert [found.port for found in listeners.of(config(master))] == [25]


def test_of_two_services_with_one_address_the_last_counts():
    master = "587 inet n - n - - smtpd\nsubmission inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n"
    (found,) = listeners.of(config(master))
    assert (found.port, found.level) == (587, "encrypt")


def test_behind_postscreen_the_passed_service_says_what_a_session_is():
    master = "smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n  -o smtpd_tls_security_level=may\n"
    (found,) = listeners.of(config(master))
    assert found.level == "may"
    assert found.delay.total_seconds() == 7


@pytest.mark.parametrize(
    ("options", "is_submission"),
    [
        ("-o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes", True),
        ("-o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes", True),
        ("-o smtpd_tls_security_level=may -o smtpd_sasl_auth_enable=yes", False),
        ("-o smtpd_tls_security_level=encrypt", False),
    ],
)
def test_submission_is_sasl_under_tls_only(options, is_submission):
    (found,) = listeners.of(config(f"587 inet n - n - - smtpd {options}\n"))
    assert found.is_submission is is_submission


@pytest.mark.parametrize(
    ("mydestination", "recipient"),
    [
        ("$myhostname, localhost", "postmaster@mx1.test"),
        ("localhost, hash:/etc/postfix/domains, /etc/domains, !x.test, y.test", "postmaster@y.test"),
        ("localhost", "postmaster"),
        ("", "postmaster"),
    ],
)
def test_the_recipient_is_one_that_needs_no_relaying(mydestination, recipient):
    (found,) = listeners.of(config(main=f"mydestination = {mydestination}\n"))
    assert found.recipient == recipient


@pytest.mark.parametrize(
    ("main", "chains"),
    [
        ("smtpd_tls_chain_files = a.pem, /b.pem\nsmtpd_tls_cert_file = /c.pem", ("/etc/postfix/a.pem", "/b.pem")),
        (
            "smtpd_tls_cert_file = /c.pem\nsmtpd_tls_eccert_file = $config_directory/d.pem",
            ("/c.pem", "/etc/postfix/d.pem"),
        ),
        ("smtpd_tls_cert_file = none", ()),
    ],
)
def test_the_files_served_are_the_chain_files_else_the_older_ones(main, chains):
    (found,) = listeners.of(config(main=f"{main}\n"))
    assert found.chains == chains


@pytest.mark.parametrize(
    ("service", "level", "wrapped"),
    [
        ("smtp inet n - n - - smtpd -o smtpd_tls_security_level=none", "may", False),
        ("smtp inet n - n - - smtpd -o smtpd_tls_security_level=encrypt", "encrypt", False),
        ("smtp inet n - n - - smtpd -o smtpd_tls_wrappermode=yes", "may", False),
        ("465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes", "encrypt", True),
        ("587 inet n - n - - smtpd -o smtpd_tls_security_level=none", "none", False),  # the state declares it
        ("localhost:10025 inet n - n - - smtpd -o smtpd_tls_security_level=none", "may", False),
        ("localhost:10025 inet n - n - - smtpd -o smtpd_tls_security_level=none -o content_filter=", "none", False),
        ("10025 inet n - n - - smtpd -o smtpd_tls_security_level=none -o content_filter=", "may", False),
    ],
)
def test_the_level_that_the_state_enforces_is_the_least(service, level, wrapped):
    text = b"enforce: [incoming]\nincoming: {security_level: may}\ncertificates: {default: {chain_files: [tls.pem]}}\n"
    text += b"submission: {sasl: {type: cyrus, path: smtpd}}\n"
    state = desired.load(RepoSnapshot({"hosts/mx1.test.yaml": text}, "sha256:0", "test"), "mx1.test", "")
    (found,) = listeners.of(config(f"{service}\n"), state)
    assert (found.level, found.wrapped) == (level, wrapped)
