"""What reading alone says against a candidate: certificates and keys, tables, services. Nothing is started for it.

Each fault comes with a key that is the same wherever the same fault is found, so that only new ones count.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import field

from reconciler import live as meaning
from reconciler.canary import (
    authorities,
    columns,
    forms,
    lists,
    logins,
    losses,
    meanings,
    routes,
    rows,
    services,
    sni,
    spelling,
)
from reconciler.canary.covering import covers, names_of
from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass, replace
from reconciler.host import certificates, files
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.snapshot import FileState, PemFile
from reconciler.postfix.effective import View, client_level, server_level
from reconciler.postfix.values import split_list

Fault = tuple[str, str]  # its key, and what a person reads

_PAIRS = ("", "ec", "d")


@dataclass(frozen=True, slots=True)
class Files:
    """The files as they would be."""

    candidate: Candidate
    known: dict[str, PemFile | None] = field(default_factory=dict)  # a key costs 0.1 s to read, and services share them

    def read(self, path: str) -> FileState | None:
        """None where there is none. Raises HostUnreadable."""
        given = self.candidate.files.get(path)
        if isinstance(given, bytes):
            return FileState(given, 0o600, 0, 0, 0, path)
        return None if path in self.candidate.removed else files.read(given or path)

    def pem(self, path: str) -> PemFile | None:
        """Its facts; None where there is none."""
        if path not in self.known:
            self.known[path] = self._facts(path)
        return self.known[path]

    def _facts(self, path: str) -> PemFile | None:
        try:
            state = self.read(path)
        except HostUnreadable as error:
            return PemFile("", (), None, (), 0, 0, str(error).removeprefix(f"{path}: "))
        return certificates.facts(state) if state else None

    def weakness(self, path: str) -> str:
        """Of a file that holds a certificate."""
        state = self.read(path)
        return certificates.weakness(state.content) if state else ""

    def misuse(self, path: str) -> str:
        """Of a file whose certificate a server is to present."""
        state = self.read(path)
        return certificates.misuse(state.content) if state else ""


def faults(candidate: Candidate, live: LiveConfig) -> Iterator[Fault]:
    """Every fault found by reading; also those that the live configuration has."""
    found = Files(candidate)
    try:
        config = read(found, live)
    except HostUnreadable as error:
        yield ("unreadable", str(error))
        return
    for at in config.main.malformed:
        yield f"main.cf: {at.raw!r}", f"main.cf:{at.line}: {at.what}"
    for line in config.master.malformed:
        yield f"master.cf: {line.raw!r}", f"master.cf:{line.line}: {line.what}"
    for text in (
        *columns.faults(config),
        *spelling.faults(config),
        *forms.faults(config),
        *services.faults(config, live),
        *losses.faults(config, live, candidate.planned),
        *lists.faults(config),
        *routes.faults(config, live),
        *_certificates(config, found, live),
        *authorities.faults(config, candidate, found.pem, live),
        *rows.faults(config, candidate, live),
        *meanings.faults(config, candidate, live),
        *sni.faults(config, candidate, found.pem, live),
        *logins.faults(config),
    ):
        yield text, text


def read(found: Files, live: LiveConfig) -> LiveConfig:
    """The configuration as it would be.

    Raises HostUnreadable.
    """
    documents = {}
    for name in ("main.cf", "master.cf"):
        state = found.read(live.path(name))
        if state is None:
            raise HostUnreadable(f"{live.path(name)}: it would be gone")
        documents[live.path(name)] = state
    return meaning.read(replace(live.snapshot, files={**live.snapshot.files, **documents}))


def _certificates(config: LiveConfig, found: Files, live: LiveConfig) -> Iterator[str]:
    """Each PEM file that a listener or a client loads, once."""
    said: dict[str, None] = {}
    served = frozenset(name for pem in _chains(live, Files(Candidate(""))) for name in _names(pem))
    for view, side in _views(config):
        for path in split_list(view.get(f"{side}_tls_chain_files")):
            said |= dict.fromkeys(_of_file(path, config, found, served if side == "smtpd" else frozenset(), lone=True))
            said |= dict.fromkeys(_of_purpose(path, config, found) if side == "smtpd" else ())
        for pair in () if view.get(f"{side}_tls_chain_files") else _PAIRS:
            certificate = view.get(f"{side}_tls_{pair}cert_file")
            if certificate and certificate.lower() != "none":
                key = view.get(f"{side}_tls_{pair}key_file") or certificate
                said |= dict.fromkeys(_of_pair(certificate, key, config, found))
                said |= dict.fromkeys(_of_purpose(certificate, config, found) if side == "smtpd" else ())
    yield from said


def _views(config: LiveConfig) -> Iterator[tuple[View, str]]:
    """The services that speak TLS, and the side they are on."""
    for service in config.master.by_key.values():
        view = config.view_of(service)
        match posixpath.basename(service.command):
            case "smtpd" if server_level(view) != "none":
                yield view, "smtpd"
            case "smtp" if client_level(view) != "none":
                yield view, "smtp"


def _of_file(path: str, config: LiveConfig, found: Files, served: frozenset[str], *, lone: bool) -> Iterator[str]:
    path = config.path(path)
    pem = found.pem(path)
    if pem is None:
        yield f"{path}: there is no such file"
        return
    if pem.problem:
        yield f"{path}: {pem.problem}"
    elif lone and not (pem.key_public_sha256 and pem.certificates):
        yield f"{path}: holds no {'certificate' if pem.key_public_sha256 else 'private key'}"
    elif weakness := found.weakness(path):
        yield f"{path}: {weakness}"
    now = config.snapshot.now
    for certificate in pem.certificates if not pem.problem else ():
        if now > certificate.not_after:
            yield f"{path}: a certificate in it ended on {certificate.not_after:%Y-%m-%d}"
        elif now < certificate.not_before:
            yield f"{path}: a certificate in it begins on {certificate.not_before:%Y-%m-%d} only"
    names = _names(pem)
    known = {*served, config.view.get("myhostname")}
    if served and names and not names & known and not any(covers(names, name) for name in known):
        yield f"{path}: its certificate is for {', '.join(sorted(names))}, none of which this host was known by"


def _of_purpose(path: str, config: LiveConfig, found: Files) -> Iterator[str]:
    path = config.path(path)
    pem = found.pem(path)
    misuse = found.misuse(path) if pem and pem.certificates and not pem.problem else ""
    if misuse:
        yield f"{path}: {misuse}"


def _of_pair(certificate: str, key: str, config: LiveConfig, found: Files) -> Iterator[str]:
    """The older pair: Postfix takes any order, and one file for both."""
    one, other = found.pem(config.path(certificate)), found.pem(config.path(key))
    if config.path(certificate) == config.path(key) and one is not None and "first" in one.problem:
        return
    yield from _of_file(certificate, config, found, frozenset(), lone=False)
    if key != certificate:
        yield from _of_file(key, config, found, frozenset(), lone=False)
    if one and other and not one.problem and not other.problem:
        if not one.certificates or other.key_public_sha256 is None:
            yield f"{config.path(certificate)}: no certificate and key are in it and {config.path(key)}"
        elif one.certificates[0].public_key_sha256 != other.key_public_sha256:
            yield f"{config.path(key)}: it does not belong to the certificate in {config.path(certificate)}"


def _chains(config: LiveConfig, found: Files) -> Iterator[PemFile]:
    for view, side in _views(config):
        for path in split_list(view.get("smtpd_tls_chain_files")) if side == "smtpd" else ():
            pem = found.pem(config.path(path))
            if pem:
                yield pem


def _names(pem: PemFile) -> frozenset[str]:
    return frozenset(names_of(pem.certificates[0])) if pem.certificates else frozenset()
