"""What is wrong with a certificate that smtpd would serve: faults that Postfix tells only the log, or nobody.

Source: TLS_README, "Server-side certificate and private key"; postconf(5), smtpd_tls_chain_files.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address, joined
from reconciler.model.address import FileAddress
from reconciler.model.desired import DesiredCertificate
from reconciler.model.snapshot import PemFile


@dataclass(frozen=True, slots=True)
class Fault:
    """`rule` is the guard it trips."""

    rule: str
    address: FileAddress
    text: str


def lineage_files(certificate: DesiredCertificate) -> tuple[str, str]:
    """The files of a certbot lineage in the order of a chain file."""
    return f"{certificate.certbot}/privkey.pem", f"{certificate.certbot}/fullchain.pem"


def faults(certificate: DesiredCertificate, live: LiveConfig) -> Iterator[Fault]:
    """The faults of a declared certificate's files; those that do not exist are somebody else's business."""
    lineage = live.snapshot.pems.get(joined(lineage_files(certificate))) if certificate.certbot else None
    for path in certificate.chain_files:
        if lineage is not None:  # what stands in the chain file is about to be this
            yield from _of_pem(lineage, _address(path, live), live, needs_key=True, needs_certificate=True)
        else:
            yield from _of_file(path, live, needs_key=True, needs_certificate=True)
    if certificate.certificate_file:
        yield from _of_pair(certificate.certificate_file, certificate.key_file, live)


def _of_pair(certificate_file: str, key_file: str, live: LiveConfig) -> Iterator[Fault]:
    """The older pair: Postfix takes any order, and one file for both."""
    if certificate_file == key_file:
        yield from _of_file(certificate_file, live, needs_key=True, needs_certificate=True)
        return
    yield from _of_file(certificate_file, live, needs_key=False, needs_certificate=True)
    yield from _of_file(key_file, live, needs_key=True, needs_certificate=False)
    chain, key = (live.snapshot.pems.get(live.path(path)) for path in (certificate_file, key_file))
    if chain is None or key is None or not chain.certificates or key.key_public_sha256 is None:
        return
    if chain.certificates[0].public_key_sha256 != key.key_public_sha256:
        text = f"it does not belong to the certificate in {live.path(certificate_file)}"
        yield Fault("key_mismatch", _address(key_file, live), text)


def _of_file(path: str, live: LiveConfig, *, needs_key: bool, needs_certificate: bool) -> Iterator[Fault]:
    pem = live.snapshot.pems.get(live.path(path))
    if pem is not None:
        yield from _of_pem(pem, _address(path, live), live, needs_key=needs_key, needs_certificate=needs_certificate)


def _of_pem(
    pem: PemFile, address: FileAddress, live: LiveConfig, *, needs_key: bool, needs_certificate: bool
) -> Iterator[Fault]:
    if pem.problem:
        yield Fault("key_mismatch" if _mismatched(pem) else "certificate_unusable", address, pem.problem)
    elif needs_key and pem.key_public_sha256 is None:
        yield Fault("certificate_unusable", address, "no private key in it")
    elif needs_certificate and not pem.certificates:
        yield Fault("certificate_unusable", address, "no certificate in it")
    yield from (Fault("certificate_not_valid", address, text) for text in _validity(pem, live.snapshot.now))
    if pem.key_public_sha256 and pem.mode & (stat.S_IROTH | stat.S_IWOTH):
        yield Fault("key_exposed", address, f"every user of the host can read its private key (mode {pem.mode:04o})")


def _mismatched(pem: PemFile) -> bool:
    leaf = pem.certificates[0].public_key_sha256 if pem.certificates else None
    return bool(leaf and pem.key_public_sha256 and leaf != pem.key_public_sha256)


def _validity(pem: PemFile, now: datetime) -> Iterator[str]:
    for certificate in pem.certificates[:1]:
        if now < certificate.not_before:
            yield f"its certificate is not valid before {certificate.not_before:%Y-%m-%d}"
        if now > certificate.not_after:
            yield f"its certificate ended on {certificate.not_after:%Y-%m-%d}"


def _address(path: str, live: LiveConfig) -> FileAddress:
    return FileAddress(in_address(path, live.snapshot.config_directory))
