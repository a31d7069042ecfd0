"""Certificates for other names than the host's own: the name is sent in the handshake, the leaf compared.

Source: postconf(5), tls_server_sni_maps; RFC 6066, 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reconciler.frozen import replace
from reconciler.host import certificates
from reconciler.live.config import LiveConfig
from reconciler.model.desired import DesiredCertificate, DesiredState, Part
from reconciler.model.proof import Proof
from reconciler.probe import smtp
from reconciler.verify import judge, listeners
from reconciler.verify.listeners import Listener
from reconciler.verify.service import conversation, leaves

NAMES = 20  # one session a name and listener
_NAME, _EXPECTED = "server-name-served", "the certificate of that name"


def server_names(live: LiveConfig, desired: DesiredState, patience: timedelta = smtp.PATIENCE) -> Iterator[Proof]:
    """`server-name-served` for each declared name on each listener with TLS."""
    declared = [it for it in desired.certificates if it.name != "default"]
    if declared and Part.CERTIFICATES not in desired.enforced:
        yield judge.left_out(_NAME, declared[0].name, _EXPECTED, "certificates is only observed")
        return
    usable = [it for it in listeners.of(live, desired) if it.level != "none" and not it.closed]
    for certificate in declared[:NAMES]:
        for listener in usable:
            yield _served(certificate, listener, live, patience)
    if len(declared) > NAMES:
        why = f"{len(declared) - NAMES} further names; {NAMES} are tried"
        yield judge.left_out(_NAME, declared[NAMES].name, _EXPECTED, why)


def _served(certificate: DesiredCertificate, listener: Listener, live: LiveConfig, patience: timedelta) -> Proof:
    subject = f"{certificate.name} at {listener.subject}"
    pems = (certificates.read_pem(live.path(path)) for path in certificate.chain_files)
    wanted = frozenset().union(*(leaves(pem) for pem in pems if pem is not None))
    plan = replace(conversation(listener), before_tls=(), under_tls=(), server_name=certificate.name)
    session = smtp.visit(replace(plan, patience=patience + listener.delay))
    if session.tls is None:
        return judge.failed(_NAME, subject, _EXPECTED, session.problem or "no TLS session")
    holds = session.tls.certificate in wanted
    return judge.decide(holds, _NAME, subject, _EXPECTED, f"sha256 {session.tls.certificate[:16]}…")
