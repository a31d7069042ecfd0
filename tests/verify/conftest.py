"""A mail host as the how-to makes it: STARTTLS on its MX port, submission and submissions with SASL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import desired, live
from reconciler.host import certificates, snapshot
from reconciler.host.instance import PrivateInstance
from reconciler.host.ports import free_port
from reconciler.host.sasl import add_cyrus_users
from reconciler.live.config import LiveConfig
from reconciler.model.desired import DesiredState
from reconciler.model.proof import Outcome, Proof
from reconciler.model.snapshot import RepoSnapshot

USER, PASSWORD = "alice@mx1.test", "through the looking-glass"

_SUBMISSION = """\
127.0.0.1:{port} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_wrappermode={wrapped}
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=cyrus
  -o smtpd_sasl_path=smtpd
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
"""
STATE = """\
enforce: all
certificates:
  default: {chain_files: [tls.pem]}
incoming:
  security_level: may
submission:
  listen: "127.0.0.1:SUBMISSION"
  sasl: {type: cyrus, path: smtpd}
"""


def chain(*names: str) -> bytes:
    """A new key and its certificate as one chain file."""
    key, certificate = certificates.make_self_signed(names, timedelta(days=30), datetime.now(UTC))
    return key + certificate


@dataclass(frozen=True)
class MailHost:
    """A private instance with its three listeners."""

    instance: PrivateInstance
    submission: int
    submissions: int

    @property
    def mx(self) -> str:
        return f"127.0.0.1:{self.instance.smtpd_port}"

    @property
    def config_directory(self) -> str:
        return self.instance.config_directory

    def live(self) -> LiveConfig:
        return live.read(snapshot.take(self.config_directory, now=datetime.now(UTC)))

    def state(self, text: str = "") -> DesiredState:
        """What a repository with one host file says, the example above or another one."""
        text = (text or STATE).replace("SUBMISSION", str(self.submission))
        files = {"hosts/mx1.test.yaml": text.encode()}
        return desired.load(RepoSnapshot(files, "sha256:0", "test"), "mx1.test", "")

    def table(self, name: str, *rows: str) -> None:
        """Write a table of type hash and have it compiled."""
        path = self.instance.write(name, "".join(f"{row}\n" for row in rows))
        self.instance.postfix.build("hash", path)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a configuration file as somebody by hand would, and reload."""
        before = Path(self.config_directory, name).read_text()
        assert old in before
        self.instance.write(name, before.replace(old, new))
        self.instance.reload()


@pytest.fixture
def mail_host(instances) -> Callable[..., MailHost]:
    """A factory of mail hosts: `mail_host(smtp_tls_security_level="may")`."""

    def make(name: str = "mx1.test", **parameters: str) -> MailHost:
        ports = free_port(), free_port()
        entries = "".join(
            _SUBMISSION.format(port=port, wrapped=wrapped) for port, wrapped in zip(ports, ("no", "yes"), strict=True)
        )
        parameters = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": "$config_directory/tls.pem",
            **parameters,
        }
        instance = instances(name, started=False, main_cf_extra=parameters, master_cf_extra=entries)
        instance.write("tls.pem", chain(name), 0o600)
        add_cyrus_users(instance, {"alice": PASSWORD})
        instance.start()
        return MailHost(instance, *ports)

    return make


def outcomes(proofs: tuple[Proof, ...], subject: str = "") -> dict[str, Outcome]:
    """Outcome by name, of one subject or of all."""
    return {proof.name: proof.outcome for proof in proofs if subject in ("", proof.subject)}


def the(proofs: tuple[Proof, ...], name: str, subject: str = "") -> Proof:
    """The one proof of that name, and subject where it is given."""
    (found,) = [proof for proof in proofs if proof.name == name and subject in ("", proof.subject)]
    return found
