"""PEM files parsed, judged and made. `certificates` is the way in, which imports this only where it is needed."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconciler.frozen import dataclass
from reconciler.model.snapshot import Certificate, FileState, PemFile

_BEGIN = re.compile(rb"^-----BEGIN ([A-Z0-9 ]+)-----[ \t\r]*$", re.MULTILINE)
_CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_CLOCK_SKEW = timedelta(hours=1)  # a peer whose clock is behind shall accept a new certificate too
_LONGEST_COMMON_NAME = 64  # RFC 5280, ub-common-name
_LEAST_RSA = 2048  # OpenSSL's security level 2, Debian's since 10


class _Unusable(ValueError):
    """Why a PEM file cannot be used."""


@dataclass(frozen=True, slots=True)
class _Block:
    label: str
    raw: bytes

    @property
    def kind(self) -> str:
        """`key`, `certificate`, or empty for anything else, such as DH parameters."""
        if self.label in _CERTIFICATE_LABELS:
            return "certificate"
        return "key" if self.label.endswith("PRIVATE KEY") else ""


def facts(state: FileState) -> PemFile:
    """See `certificates.facts`."""
    digest = hashlib.sha256(state.content).hexdigest()
    certificates: tuple[Certificate, ...] = ()
    key: str | None = None
    order: tuple[str, ...] = ()
    problem = ""
    try:
        blocks = _blocks(state.content)
        order = tuple(block.kind for block in blocks)
        loaded = [_load_certificate(block) for block in blocks if block.kind == "certificate"]
        certificates = tuple(_describe(certificate) for certificate in loaded)
        keys = [_public_digest(block) for block in blocks if block.kind == "key"]
        key = keys[0] if keys else None
        _check_order(order, certificates, keys)
        _check_chain(loaded, has_key=bool(keys))
    except _Unusable as unusable:
        problem = str(unusable)
    return PemFile(digest, certificates, key, order, state.mode, state.uid, problem)


def _blocks(content: bytes) -> list[_Block]:
    found = []
    for begin in _BEGIN.finditer(content):
        end = content.find(b"-----END " + begin[1] + b"-----", begin.end())
        following = _BEGIN.search(content, begin.end())
        if end < 0 or (following and following.start() < end):
            raise _Unusable(f"truncated: a {begin[1].decode()} begins and does not end")
        found.append(_Block(begin[1].decode(), content[begin.start() : end + len(begin[0].rstrip()) - 2]))
    known = [block for block in found if block.kind]
    if not found:
        raise _Unusable("not PEM: no line '-----BEGIN …-----' in it" if content.strip() else "empty")
    if not known:
        raise _Unusable(f"holds neither a certificate nor a key, but {found[0].label}")
    return known


def _load_certificate(block: _Block) -> x509.Certificate:

    try:
        return x509.load_pem_x509_certificate(block.raw.replace(block.label.encode(), b"CERTIFICATE"))
    except ValueError as error:
        raise _Unusable("damaged: a certificate in it cannot be read") from error


def _public_digest(block: _Block) -> str:

    if block.label.startswith("ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in block.raw:
        raise _Unusable("the private key is encrypted; Postfix cannot ask for a passphrase")
    try:
        key = serialization.load_pem_private_key(block.raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _Unusable("damaged: the private key in it cannot be read") from None  # no word of its bytes
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def _describe(certificate: x509.Certificate) -> Certificate:

    names: tuple[str, ...] = ()
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = (str(address) for address in extension.get_values_for_type(x509.IPAddress))
        names = (*extension.get_values_for_type(x509.DNSName), *addresses)
    except (x509.ExtensionNotFound, ValueError):
        pass
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Certificate(
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        public_key_sha256=hashlib.sha256(public).hexdigest(),
        subject=certificate.subject.rfc4514_string(),
        names=names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        self_signed=_issued(certificate, certificate),
    )


def _has_signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Also where this cannot be told, as for algorithms of the past."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    return True


def _may_sign(certificate: x509.Certificate) -> bool:
    """An authority of the first version (X.509v1) says nothing of it."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return True


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_order(order: tuple[str, ...], certificates: tuple[Certificate, ...], keys: list[str]) -> None:
    """Each key is followed by its own certificate; a file may hold several such chains, one an algorithm."""
    if not keys or not certificates:
        return
    if order[0] != "key":
        raise _Unusable("the private key must come first, then its certificate")
    at, key = 0, 0
    for before, kind in pairwise(order):
        if before == "key":
            if kind == "key":
                raise _Unusable("two private keys follow each other, without a certificate between")
            if certificates[at].public_key_sha256 != keys[key]:
                raise _Unusable("the private key does not belong to the certificate behind it")
            key += 1
        at += kind == "certificate"
    if order[-1] == "key":
        raise _Unusable("the last private key has no certificate behind it")


def _check_chain(certificates: list[x509.Certificate], *, has_key: bool) -> None:
    """A server's chain goes from its certificate to the issuers; a bundle of authorities has no order."""
    if not certificates or (not has_key and _is_authority(certificates[0])):
        return
    for certificate, following in pairwise(certificates):
        issuer, found = _common_name(certificate.issuer), _common_name(following.subject)
        if certificate.issuer != following.subject:
            if _is_authority(following):
                raise _Unusable(f"the chain is out of order: {issuer!r} should follow, and {found!r} does")
        elif certificate.issuer == certificate.subject:
            continue  # its own issuer needs none behind it
        elif not _has_signed(following, certificate):
            raise _Unusable(f"the chain is broken: {found!r} follows, and has not signed the certificate before it")
        elif not _may_sign(following):
            raise _Unusable(f"the chain is broken: {found!r} is no authority (CA:FALSE) and has signed a certificate")


def _is_authority(certificate: x509.Certificate) -> bool:

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False


def _common_name(name: x509.Name) -> str:

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def weakness(content: bytes) -> str:
    """See `certificates.weakness`."""
    try:
        public = x509.load_pem_x509_certificates(content)[0].public_key()
    except ValueError:
        return ""
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < _LEAST_RSA:
        return f"its RSA key has {public.key_size} bits, and clients of today ask for {_LEAST_RSA}"
    return ""


def misuse(content: bytes) -> str:
    """See `certificates.misuse`."""
    try:
        extensions = x509.load_pem_x509_certificates(content)[0].extensions
    except ValueError:
        return ""
    usage = next((it.value for it in extensions if isinstance(it.value, x509.KeyUsage)), None)
    if usage and not (usage.digital_signature or usage.key_encipherment or usage.key_agreement):
        return "its certificate is not for TLS (key usage)"
    purposes = next((list(it.value) for it in extensions if isinstance(it.value, x509.ExtendedKeyUsage)), None)
    if purposes is not None and ExtendedKeyUsageOID.SERVER_AUTH not in purposes:  # OpenSSL wants no less than it
        return "its certificate is not for servers (extended key usage)"
    return ""


def make_self_signed(names: Iterable[str], lifetime: timedelta, now: datetime) -> tuple[bytes, bytes]:
    """See `certificates.make_self_signed`."""
    wanted = tuple(names)
    if not wanted:
        raise ValueError("a certificate needs at least one name")
    fits = len(wanted[0]) <= _LONGEST_COMMON_NAME
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0] if fits else "self-signed")])
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
