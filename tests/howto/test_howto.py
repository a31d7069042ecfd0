""" "Configure Postfix with TLS", sentence by sentence: declared in git, applied, and seen with a mail admin's own tools.

Three real instances: the host that is configured, and two partners it sends to, one of which has no TLS.
"""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.cli.main import main
from reconciler.host.certificates import make_self_signed
from reconciler.host.instance import PrivateInstance, workspace
from reconciler.host.ports import free_port
from reconciler.host.sasl import PrivateDovecot, add_cyrus_users

pytestmark = pytest.mark.postfix
HOST, TLS_PARTNER, PLAIN_PARTNER = "mail.example.org", "tls.example.net", "plain.example.net"
USER, PASSWORD = "alice", "correct horse"

STATE = """\
enforce: all
certificates:
  default:
    chain_files: [tls/mail.pem]
    until_present: {{names: [{host}], days: 30}}
incoming:
  security_level: may
  loglevel: 1
  policies: {{senders: [bank.example]}}
outgoing:
  security_level: may
  loglevel: 1
  policies:
    "[127.0.0.1]:{tls}": encrypt
    "[127.0.0.1]:{plain}": encrypt
submission:
  listen: 127.0.0.1:{submission}
  sasl: {{type: dovecot, path: private/auth}}
submissions:
  listen: 127.0.0.1:{submissions}
  sasl: {{type: cyrus, path: smtpd}}
"""


@dataclass(frozen=True)
class Stage:
    host: PrivateInstance
    tls: PrivateInstance
    plain: PrivateInstance
    submission: int
    submissions: int
    repo: Path
    memory: Path
    pid_before: int | None

    @property
    def pem(self) -> str:
        return f"{self.host.config_directory}/tls/mail.pem"

    def reconciler(self, command: str, *more: str) -> int:
        where = ("--repo", str(self.repo), "-c", self.host.config_directory, "--state-dir", str(self.memory))
        return main([command, *where, *more])

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.pem)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Everything declared and applied once; the sentences look at it."""
    with workspace("reconciler-howto-") as directory, ExitStack() as cleanup:
        tls, plain = (PrivateInstance.create(directory, name) for name in (TLS_PARTNER, PLAIN_PARTNER))
        key, certificate = make_self_signed((TLS_PARTNER,), timedelta(days=1), datetime.now(UTC))
        tls.configure(
            smtpd_tls_security_level="may", smtpd_tls_chain_files=tls.write("tls.pem", key + certificate, mode=0o600)
        )
        ways = " ".join(f"{{{it.name} = smtp:[127.0.0.1]:{it.smtpd_port}}}" for it in (tls, plain))
        host = PrivateInstance.create(directory, HOST, main_cf_extra={"transport_maps": f"inline:{{{ways}}}"})
        add_cyrus_users(host, {USER: PASSWORD})
        for instance in (tls, plain, host):
            cleanup.enter_context(instance)
        cleanup.enter_context(PrivateDovecot(host, {USER: PASSWORD}))
        ports = free_port(), free_port()
        repo = Path(directory, "state")
        (repo / "hosts").mkdir(parents=True)
        state = STATE.format(
            host=HOST, tls=tls.smtpd_port, plain=plain.smtpd_port, submission=ports[0], submissions=ports[1]
        )
        (repo / f"hosts/{HOST}.yaml").write_text(state)
        made = Stage(host, tls, plain, *ports, repo, Path(directory, "memory"), host.pid)
        assert made.reconciler("apply", "--auto-approve") == 0
        yield made


def session(stage: Stage, port: int, *, starttls: bool = True) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.com", timeout=10)
    client._host = HOST  # type: ignore[attr-defined]  # the name that the certificate is checked against
    client.ehlo()
    if starttls:
        client.starttls(context=stage.context())
        client.ehlo()
    return client


def test_a_self_signed_certificate_is_made_where_there_is_none_and_openssl_verifies_it(stage: Stage) -> None:
    for port in (stage.host.smtpd_port, stage.submission):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", "smtp", "-CAfile", stage.pem]
        command += ["-verify_return_error", "-verify_hostname", HOST, "-brief"]
        done = subprocess.run(command, input="QUIT\r\n", capture_output=True, text=True, check=False, timeout=20)
        assert "Verification: OK" in done.stderr
        assert f"Verified peername: {HOST}" in done.stderr


def test_without_the_authority_openssl_says_self_signed(stage: Stage) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{stage.host.smtpd_port}", "-starttls", "smtp"]
    done = subprocess.run(command, input="QUIT\r\n", capture_output=True, text=True, check=False, timeout=20)
    assert "Verify return code: 18 (self-signed certificate)" in done.stdout


def test_incoming_mail_is_offered_tls_and_plaintext_is_still_taken(stage: Stage) -> None:
    with session(stage, stage.host.smtpd_port, starttls=False) as client:
        assert client.has_extn("starttls")
        assert client.docmd("MAIL", "FROM:<a@elsewhere.example>")[0] == 250
        assert client.docmd("RCPT", f"TO:<postmaster@{HOST}>")[0] == 250


def test_incoming_mail_arrives_under_tls(stage: Stage) -> None:
    with session(stage, stage.host.smtpd_port) as client:
        client.sendmail("a@elsewhere.example", [f"postmaster@{HOST}"], "Subject: under TLS\r\n\r\nhello\r\n")
    assert "TLS connection established from" in stage.host.wait_for_log("TLS connection established from")
    stage.host.wait_for_log("status=sent")
    assert any(b"Subject: under TLS" in mail for mail in stage.host.delivered())


def test_port_587_refuses_mail_and_login_before_tls(stage: Stage) -> None:
    with session(stage, stage.submission, starttls=False) as client:
        assert not client.has_extn("auth")
        for command in ("MAIL FROM:<a@b.example>", "AUTH PLAIN AGEAYg=="):
            assert client.docmd(command) == (530, b"5.7.0 Must issue a STARTTLS command first")


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_nobody_unauthenticated_gets_further_than_rcpt(stage: Stage, service: str) -> None:
    with connect(stage, service) as client:
        assert client.docmd("MAIL", "FROM:<a@b.example>")[0] == 250
        code, text = client.docmd("RCPT", f"TO:<postmaster@{HOST}>")
        assert code == 554
        assert b"5.7.1" in text
        assert b"Client host rejected: Access denied" in text


@pytest.mark.parametrize("service", ["submission", "submissions"], ids=["587 through Dovecot", "465 through Cyrus"])
def test_an_authenticated_client_may_send_anywhere(stage: Stage, service: str) -> None:
    with connect(stage, service) as client:
        assert client.login(USER, PASSWORD)[0] == 235
        assert client.docmd("MAIL", f"FROM:<{USER}@{HOST}>")[0] == 250
        assert client.docmd("RCPT", f"TO:<postmaster@{TLS_PARTNER}>")[0] == 250
        client.rset()


@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_a_wrong_password_is_refused(stage: Stage, service: str) -> None:
    with connect(stage, service) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(USER, "wrong")


def test_the_change_came_with_a_reload_and_not_with_a_restart(stage: Stage) -> None:
    assert "reload -- version" in stage.host.log()
    assert stage.host.pid == stage.pid_before


def test_outgoing_mail_leaves_under_tls_and_the_log_says_so(stage: Stage) -> None:
    mark = stage.host.mark()
    stage.host.sendmail(f"root@{HOST}", [f"postmaster@{TLS_PARTNER}"], "hello")
    line = stage.host.wait_for_log("TLS connection established to", since=mark)
    assert " with cipher " in line
    assert ": TLSv1.3" in line
    stage.host.wait_for_log("status=sent", since=mark)
    stage.tls.wait_for_log("status=sent")
    assert any(b"hello" in mail for mail in stage.tls.delivered())


def test_forced_tls_for_a_destination_holds_mail_back_from_a_partner_without(stage: Stage) -> None:
    table = f"{stage.host.config_directory}/tls_policy"
    assert stage.host.postfix.query("hash", table, f"[127.0.0.1]:{stage.plain.smtpd_port}") == "encrypt"
    mark = stage.host.mark()
    stage.host.sendmail(f"root@{HOST}", [f"postmaster@{PLAIN_PARTNER}"], "secret")
    line = stage.host.wait_for_log("status=deferred", since=mark)
    assert "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host" in line
    assert stage.plain.delivered() == []


@pytest.mark.parametrize("sender", ["a@bank.example", "a@branch.bank.example"])
def test_forced_tls_for_a_sender(stage: Stage, sender: str) -> None:
    with session(stage, stage.host.smtpd_port, starttls=False) as client:
        client.docmd("MAIL", f"FROM:<{sender}>")
        code, text = client.docmd("RCPT", f"TO:<postmaster@{HOST}>")
        assert code == 450
        assert b"4.7.1" in text
        assert b"Session encryption is required" in text
    with session(stage, stage.host.smtpd_port) as client:
        client.docmd("MAIL", f"FROM:<{sender}>")
        assert client.docmd("RCPT", f"TO:<postmaster@{HOST}>")[0] == 250


def test_verify_says_all_of_this_itself(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    login = ("--auth-user", USER, "--auth-password-file", str(secret))
    send = [word for it in (TLS_PARTNER, PLAIN_PARTNER) for word in ("--send", f"postmaster@{it}")]
    code = stage.reconciler("verify", *login, *send)
    shown = capsys.readouterr().out
    assert code == 0, shown
    for proof in ("starttls-offered", "certificate-served", "plaintext-mail-refused", "plaintext-auth-refused"):
        assert f"passed    {proof}" in shown
    for proof in ("unauthenticated-refused", "authenticated-accepted", "sender-policy-plaintext", "outgoing-tls"):
        assert f"passed    {proof}" in shown
    assert "TLS is required, but was not offered by host" in shown
    assert PASSWORD not in shown


def test_certificate_and_key_in_two_files_with_an_authority(stage: Stage, tmp_path: Path) -> None:
    """The older form, on an instance of its own."""
    with workspace("reconciler-howto-") as directory, PrivateInstance.create(directory, "old.example.org") as old:
        key, certificate = make_self_signed(("old.example.org",), timedelta(days=1), datetime.now(UTC))
        old.write("key.pem", key, mode=0o600)
        old.write("cert.pem", certificate)
        repo = tmp_path / "hosts"
        repo.mkdir()
        (repo / "old.example.org.yaml").write_text(
            "enforce: all\ncertificates: {default: {cert_file: cert.pem, key_file: key.pem}}\n"
            "incoming: {security_level: may, ca_file: cert.pem, ask_client_certificate: yes}\n"
        )
        where = ("--repo", str(tmp_path), "-c", old.config_directory, "--state-dir", str(tmp_path / "memory"))
        assert main(["apply", *where, "--auto-approve"]) == 0
        assert main(["verify", *where]) == 0
        assert main(["plan", *where, "--detailed-exitcode"]) == 0


def connect(stage: Stage, service: str) -> smtplib.SMTP:
    if service == "submission":
        return session(stage, stage.submission)
    context = stage.context()
    context.check_hostname = False
    client = smtplib.SMTP_SSL(
        "127.0.0.1", stage.submissions, local_hostname="client.example.com", context=context, timeout=10
    )
    client.ehlo()
    return client
