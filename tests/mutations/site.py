"""The host whose configuration is mutated: MX, submission, submissions, login by Dovecot, tables, names, two chains."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from reconciler.host.instance import PrivateInstance, workspace
from reconciler.host.ports import free_port
from reconciler.host.sasl import PrivateDovecot

NAME = "mx1.example.org"
_PEM, _PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
_PLAIN = serialization.NoEncryption()

MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_chain_files = {etc}/rsa.pem, {etc}/ec.pem
smtpd_tls_loglevel = 1
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_ciphers = medium
smtpd_tls_session_cache_database = btree:${{data_directory}}/smtpd_scache
tls_server_sni_maps = hash:{etc}/sni
smtpd_sender_restrictions = check_sender_access hash:{etc}/senders
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_junk_command_limit = 100000
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_CAfile = {etc}/ca.pem
smtp_tls_policy_maps = hash:{etc}/policy
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
"""
MASTER = """\
# submission and submissions
127.0.0.1:{submission} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{submissions} inet n - n - - smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
"""
POLICY = b"bank.example encrypt\n.partner.example secure match=nexthop:dot-nexthop\n[relay.example]:587 encrypt protocols=>=TLSv1.2\n"
SENDERS = b"bank.example reject_plaintext_session\n.bank.example reject_plaintext_session\n"


def key(kind: str = "ec", size: int = 2048) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, size)


def pem(secret, password: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else _PLAIN
    return secret.private_bytes(_PEM, _PKCS8, how)


def certificate(
    secret, *names: str, begins: int = -1, ends: int = 90, issuer: str = "", signer=None, purpose=None
) -> bytes:
    """Valid from and to that many days from now, for one extended key usage or any."""
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]) if issuer else subject,
        subject_name=subject,
        public_key=secret.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + timedelta(days=begins),
        not_valid_after=now + timedelta(days=ends),
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(it) for it in names]), critical=False)
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(signer or secret, hashes.SHA256()).public_bytes(_PEM)


@dataclass(frozen=True)
class Site:
    """The instance, its two ports, and the pieces its chains are made of."""

    instance: PrivateInstance
    submission: int
    submissions: int
    rsa_key: bytes
    rsa_chain: bytes
    ec_key: bytes
    ec_chain: bytes

    @property
    def etc(self) -> str:
        return self.instance.config_directory

    def read(self, name: str) -> bytes:
        return Path(self.etc, name).read_bytes()

    def fingerprint(self) -> dict[str, tuple[str, int, int]]:
        """Every file of the configuration directory: content, mode, inode."""
        found = {}
        for path in sorted(Path(self.etc).rglob("*")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (hashlib.sha256(content).hexdigest(), about.st_mode, about.st_ino)
        return found


@contextmanager
def site() -> Iterator[Site]:
    """It runs inside the block."""
    with ExitStack() as cleanup:
        directory = cleanup.enter_context(workspace("reconciler-mutations-"))
        instance = PrivateInstance.create(directory, NAME)
        ports = free_port(), free_port()
        etc = instance.config_directory
        one, other = key("rsa"), key("ec")
        made = Site(instance, *ports, pem(one), certificate(one, NAME), pem(other), certificate(other, NAME))
        instance.write("rsa.pem", made.rsa_key + made.rsa_chain, 0o600)
        instance.write("ec.pem", made.ec_key + made.ec_chain, 0o600)
        customer = key("ec")
        instance.write("customer.pem", pem(customer) + certificate(customer, "mail.customer.example"), 0o600)
        instance.write("ca.pem", made.rsa_chain)
        instance.write("policy", POLICY)
        instance.write("senders", SENDERS)
        instance.write("sni", f"mail.customer.example {etc}/customer.pem\n")
        for name in ("policy", "senders"):
            instance.postfix.build("hash", f"{etc}/{name}")
        instance.postfix.build("hash", f"{etc}/sni", of_files=True)
        instance.write("main.cf", instance_text(instance, "main.cf") + MAIN.format(etc=etc))
        master = MASTER.format(submission=ports[0], submissions=ports[1])
        instance.write("master.cf", instance_text(instance, "master.cf") + master)
        cleanup.enter_context(instance)
        cleanup.enter_context(PrivateDovecot(instance, {"user@example.org": "secret"}))
        yield made


def instance_text(instance: PrivateInstance, name: str) -> str:
    return Path(instance.config_directory, name).read_text()
