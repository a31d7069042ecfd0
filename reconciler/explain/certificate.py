"""A certificate or key file: facts about it, never its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation, Fact, Session
from reconciler.explain.references import Reference, references
from reconciler.explain.sessions import services_reading, subject
from reconciler.live.config import LiveConfig
from reconciler.model.address import FileAddress
from reconciler.model.snapshot import PemFile


def tell(asked: Asked, address: FileAddress) -> Explanation:
    """A PEM file, and which listeners serve it."""
    live = asked.live
    path = live.path(address.path)
    pem = live.snapshot.pems.get(path)
    named = list(references(path, live))
    facts = [Fact("type", "a certificate or key file (PEM)"), *(_facts(pem) if pem else ())]
    facts += [Fact("named by", str(reference)) for reference in named]
    notes = [f"{path} does not exist"] if pem is None else []
    notes += [f"it cannot be used: {pem.problem}"] if pem and pem.problem else []
    notes += [] if named else ["no parameter names it"]
    return asked.answer(
        tuple(facts), (), pem.sha256 if pem else None, sessions=tuple(_served(named, live)), notes=tuple(notes)
    )


def _facts(pem: PemFile) -> Iterator[Fact]:
    yield Fact("holds", ", ".join(pem.order) or "nothing that can be used")
    yield Fact("mode", f"{pem.mode:04o}, owner {pem.uid}")
    for certificate in pem.certificates:
        ends = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
        how = ", self-signed" if certificate.self_signed else ""
        yield Fact("certificate", f"{certificate.subject} for {', '.join(certificate.names)}, {ends}{how}")
        yield Fact("fingerprint", f"SHA-256 {certificate.sha256}")


def _served(named: list[Reference], live: LiveConfig) -> Iterator[Session]:
    """The services that read the parameter where it names the file."""
    for reference in named:
        for service in services_reading(reference.parameter, live):
            theirs = reference.parameter in service.overrides
            if (reference.service is None and not theirs) or reference.service is service:
                yield Session(subject(service), f"reads it as {reference.parameter}")
