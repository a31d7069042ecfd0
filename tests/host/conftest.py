"""A chain of authority, host certificate and key, as a certificate authority would hand it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Chain:
    key: bytes
    encrypted_key: bytes
    leaf: bytes
    authority: bytes


@pytest.fixture(scope="session")
def chain() -> Chain:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    private = serialization.PrivateFormat.PKCS8
    return Chain(
        key.private_bytes(PEM, private, serialization.NoEncryption()),
        key.private_bytes(PEM, private, serialization.BestAvailableEncryption(b"secret")),
        _certificate("mx1.test", key, "Test CA", root_key, ca=False),
        _certificate("Test CA", root_key, "Test CA", root_key, ca=True),
    )


def _certificate(name, key, issuer, issuer_key, *, ca) -> bytes:
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(days=1),
        not_valid_after=NOW + timedelta(days=90),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(PEM)
