"""Facts about PEM files, and self-signed certificates that openssl and Postfix believe."""

from __future__ import annotations

import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.host.certificates import make_self_signed, misuse, read_pem
from reconciler.model.snapshot import PemFile

LIFETIME = timedelta(days=30)


@pytest.fixture
def self_signed() -> tuple[bytes, bytes]:
    return make_self_signed(["mx1.test", "mail.test", "127.0.0.1"], LIFETIME, datetime.now(UTC))


def read(path: str) -> PemFile:
    pem = read_pem(path)
    assert pem is not None
    return pem


def written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def test_a_good_chain_file_is_told_with_its_names_and_digests(tmp_path, chain):
    pem = read(written(tmp_path / "chain.pem", chain.key + chain.leaf + chain.authority))
    assert pem.problem == ""
    assert pem.order == ("key", "certificate", "certificate")
    assert pem.key_public_sha256 == pem.certificates[0].public_key_sha256
    assert [it.self_signed for it in pem.certificates] == [False, True]


def test_digests_are_those_of_openssl(tmp_path, self_signed):
    path = written(tmp_path / "c.pem", self_signed[1])
    said = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"], capture_output=True, check=True
    )
    assert read(path).certificates[0].sha256 == said.stdout.decode().strip().partition("=")[2].replace(":", "").lower()


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (("leaf", "key"), "the private key must come first, then its certificate"),
        (("key", "authority"), "the private key does not belong to the certificate behind it"),
        (("key", "leaf", "leaf"), ""),
        (("key", "leaf", "key"), "the last private key has no certificate behind it"),
        (("key", "key", "leaf"), "two private keys follow each other, without a certificate between"),
        (("encrypted_key", "leaf"), "the private key is encrypted; Postfix cannot ask for a passphrase"),
        (("key",), ""),
        (("leaf", "authority"), ""),
        (("key", "leaf", "authority", "key", "leaf"), ""),
    ],
)
def test_what_makes_a_chain_unusable_is_said(tmp_path, chain, parts, problem):
    path = written(tmp_path / "chain.pem", b"".join(getattr(chain, part) for part in parts))
    assert read(path).problem == problem


def test_an_issuer_that_is_not_the_issuer_is_out_of_order(tmp_path, chain, self_signed):
    other = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=Other CA",
        ],
        capture_output=True,
        check=True,
    ).stdout
    path = written(tmp_path / "chain.pem", chain.key + chain.leaf + other)
    assert read(path).problem == "the chain is out of order: 'Test CA' should follow, and 'Other CA' does"


def certified(subject: str, key, issuer: str, signer, *, authority: bool | None = None) -> bytes:
    now = datetime.now(UTC)
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, it)]) for it in (subject, issuer)]
    builder = x509.CertificateBuilder(
        issuer_name=named[1],
        subject_name=named[0],
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=30),
    )
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("authority", "is_forged", "problem"),
    [
        (True, False, ""),
        (None, False, ""),
        (True, True, "the chain is broken: 'Middle' follows, and has not signed the certificate before it"),
        (False, False, "the chain is broken: 'Middle' is no authority (CA:FALSE) and has signed a certificate"),
    ],
    ids=["whole", "of the first version", "forged", "no authority"],
)
def test_an_issuer_has_signed_and_may(tmp_path, authority: bool | None, is_forged: bool, problem: str) -> None:
    root, middle, other, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    secret = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    leaf = certified("mx1.test", own, "Middle", middle)
    above = certified("Middle", other if is_forged else middle, "Root", root, authority=authority)
    assert read(written(tmp_path / "chain.pem", secret + leaf + above)).problem == problem


def test_what_is_its_own_issuer_may_stand_twice(tmp_path, self_signed) -> None:
    """As in a file of authorities that a renewed certificate was added to."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    both = b"".join(certified("mx1.test", it, "mx1.test", it, authority=False) for it in keys)
    assert read(written(tmp_path / "ca.pem", both)).problem == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"hello\n", "not PEM: no line '-----BEGIN …-----' in it"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB", "truncated: a CERTIFICATE begins and does not end"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "damaged: a certificate in it cannot be read"),
        (b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "damaged: the private key in it cannot be read"),
        (b"-----BEGIN DH PARAMETERS-----\nMIIB\n-----END DH PARAMETERS-----\n", "holds neither a certificate nor a key, but DH PARAMETERS"),
    ],
)  # fmt: skip
def test_what_is_no_pem_is_said(tmp_path, content, problem):
    assert read(written(tmp_path / "x.pem", content)).problem == problem


def test_a_truncated_block_before_a_whole_one_is_seen(tmp_path, chain):
    path = written(tmp_path / "chain.pem", chain.key[:80] + b"\n" + chain.leaf)
    assert read(path).problem.startswith("truncated: a PRIVATE KEY")


def test_windows_line_ends_are_no_problem(tmp_path, chain):
    path = written(tmp_path / "chain.pem", (chain.key + chain.leaf).replace(b"\n", b"\r\n"))
    assert read(path).problem == ""


def test_a_directory_and_nothing_at_all_are_told_apart(tmp_path):
    assert read(str(tmp_path)).problem == "a directory; name a file in it"
    assert read_pem(str(tmp_path / "none.pem")) is None


def test_no_problem_names_a_byte_of_the_key(tmp_path, chain):
    lines = chain.key.splitlines(keepends=True)
    path = written(tmp_path / "k.pem", lines[0] + lines[1][:-5] + b"\n" + lines[-1])
    pem = read(path)
    assert pem.problem == "damaged: the private key in it cannot be read"
    assert lines[1][:20].decode() not in repr(pem)


def test_a_self_signed_certificate_has_the_names_and_the_time_asked_for(tmp_path, self_signed):
    key, certificate = self_signed
    (made,) = read(written(tmp_path / "c.pem", key + certificate)).certificates
    assert made.names == ("mx1.test", "mail.test", "127.0.0.1")
    assert made.self_signed
    assert made.not_before < datetime.now(UTC)
    assert timedelta(days=29) < made.not_after - datetime.now(UTC) <= LIFETIME


def test_a_name_too_long_for_a_common_name_stays_in_the_other_names(tmp_path):
    name = f"{'a' * 60}.mail.test"
    _, certificate = make_self_signed([name], LIFETIME, datetime.now(UTC))
    (made,) = read(written(tmp_path / "c.pem", certificate)).certificates
    assert (made.subject, made.names) == ("CN=self-signed", (name,))


def test_a_certificate_for_nobody_is_refused():
    with pytest.raises(ValueError, match="at least one name"):
        make_self_signed([], LIFETIME, datetime.now(UTC))


@pytest.mark.postfix
@pytest.mark.parametrize("name", ["mx1.test", "mail.test"])
def test_openssl_verifies_what_smtpd_serves_against_the_certificate_itself(instances, tmp_path, self_signed, name):
    instance, authority = serving(instances, "mx1.test", self_signed)
    command = f"openssl s_client -connect 127.0.0.1:{instance.smtpd_port} -starttls smtp -CAfile {authority} -verify_return_error -verify_hostname {name} -brief"
    said = subprocess.run(command.split(), input=b"QUIT\r\n", capture_output=True, check=True)
    assert "Verification: OK" in said.stderr.decode()
    assert f"Verified peername: {name}" in said.stderr.decode()


@pytest.mark.postfix
def test_python_verifies_the_address_in_it(instances, self_signed):
    instance, authority = serving(instances, "mx1.test", self_signed)
    context = ssl.create_default_context(cafile=authority)
    with socket.create_connection(("127.0.0.1", instance.smtpd_port)) as plain:
        plain.recv(512)
        plain.sendall(b"STARTTLS\r\n")
        assert plain.recv(512).startswith(b"220")
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            assert secure.version() in ("TLSv1.3", "TLSv1.2")


@pytest.mark.postfix
def test_smtp_calls_the_connection_verified(instances, self_signed):
    peer, authority = serving(instances, "mx1.test", self_signed)
    sender = instances(
        "sender.test",
        main_cf_extra={
            "transport_maps": f"inline:{{{{mx1.test=smtp:[127.0.0.1]:{peer.smtpd_port}}}}}",
            "smtp_tls_security_level": "secure",
            "smtp_tls_CAfile": authority,
            "smtp_tls_secure_cert_match": "mx1.test",
            "smtp_tls_loglevel": "1",
        },
    )
    sender.sendmail("a@sender.test", ["b@mx1.test"], "hello")
    assert "Verified TLS connection established to" in sender.wait_for_log("TLS connection established")
    sender.wait_for_log("status=sent")


def serving(instances, name, self_signed):
    instance = instances(name, started=False)
    chain = instance.write("chain.pem", b"".join(self_signed), mode=0o600)
    authority = instance.write("ca.pem", self_signed[1])
    instance.configure(smtpd_tls_security_level="may", smtpd_tls_chain_files=chain)
    instance.start()
    return instance, authority


@pytest.mark.parametrize(
    ("key_usage", "extended", "says"),
    [
        ("digitalSignature", "serverAuth", ""),
        ("keyEncipherment", "clientAuth,serverAuth", ""),
        ("digitalSignature", "anyExtendedKeyUsage", "its certificate is not for servers (extended key usage)"),
        ("digitalSignature", "clientAuth", "its certificate is not for servers (extended key usage)"),
        ("keyCertSign", "serverAuth", "its certificate is not for TLS (key usage)"),
    ],
)
def test_a_certificate_that_is_not_for_a_server_is_told_as_openssl_tells_it(tmp_path, key_usage, extended, says):
    path = tmp_path / "made.pem"
    usage = ("-addext", f"keyUsage=critical,{key_usage}", "-addext", f"extendedKeyUsage={extended}")
    argv = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=mx1.test", *usage)
    subprocess.run((*argv, "-keyout", f"{path}.key", "-out", path), check=True, capture_output=True)
    assert misuse(path.read_bytes()) == says
    purposes = subprocess.run(
        ("openssl", "x509", "-in", path, "-noout", "-purpose"), check=True, capture_output=True, text=True
    )
    assert ("SSL server : Yes" in purposes.stdout) is (not says)
