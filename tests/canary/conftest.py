from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from reconciler import live as meaning
from reconciler.canary import try_out
from reconciler.host import certificates, snapshot
from reconciler.host.instance import PrivateInstance
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.verdict import Verdict
from reconciler.verify.service import service_proofs

MASTER = """\
127.0.0.1:{submission} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
"""


class Live:
    """A running host, and what becomes of candidates for it."""

    def __init__(self, instance: PrivateInstance) -> None:
        self.instance = instance

    @property
    def config(self) -> LiveConfig:
        return meaning.read(snapshot.take(self.instance.config_directory, now=datetime.now(UTC)))

    def path(self, name: str) -> str:
        return f"{self.instance.config_directory}/{name}"

    def text(self, name: str) -> str:
        with open(self.path(name)) as file:
            return file.read()

    def candidate(self, **files: bytes | str) -> Candidate:
        """`main_cf` and `master_cf` with their new text; other files by their name."""
        names = {"main_cf": "main.cf", "master_cf": "master.cf"}
        content = {
            self.path(names.get(it, it)): text.encode() if isinstance(text, str) else text for it, text in files.items()
        }
        return Candidate(self.instance.config_directory, content)

    def tried(self, **files: bytes | str) -> Verdict:
        return try_out(self.candidate(**files), self.config, service_proofs)

    def with_parameters(self, **parameters: str) -> Verdict:
        return self.tried(
            main_cf=self.text("main.cf") + "".join(f"{name} = {value}\n" for name, value in parameters.items())
        )


@pytest.fixture
def host(instances: Callable[..., PrivateInstance]) -> Live:
    """A host that serves TLS on its port, with a policy table for what it sends."""
    instance = instances("mx1.test", started=False)
    key, chain = certificates.make_self_signed(("mx1.test",), timedelta(days=30), datetime.now(UTC))
    instance.write("tls.pem", key + chain, 0o600)
    instance.write("policy", "partner.example encrypt\n")
    instance.postfix.build("hash", f"{instance.config_directory}/policy")
    instance.configure(
        smtpd_tls_chain_files=f"{instance.config_directory}/tls.pem",
        smtpd_tls_security_level="may",
        smtp_tls_security_level="may",
        smtp_tls_policy_maps="hash:$config_directory/policy",
    )
    return Live(instance)
