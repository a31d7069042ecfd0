"""What the listeners present, as three handshakes with each of them see it. No mail command is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from reconciler.frozen import replace
from reconciler.host import certificates
from reconciler.live.config import LiveConfig
from reconciler.model.presented import Presented
from reconciler.probe import smtp
from reconciler.probe.smtp import Visit
from reconciler.verify import listeners
from reconciler.verify.listeners import Listener
from reconciler.verify.service import AT_ONCE, CONNECTIONS, leaves

PATIENCE = timedelta(seconds=4)  # for all sessions with one listener


def presented(live: LiveConfig, patience: timedelta = PATIENCE) -> tuple[Presented, ...]:
    """Of every listener that offers TLS and answers. Nothing is raised: who gives no session presents nothing."""
    asked = [it for it in listeners.of(live) if it.chains and it.level != "none" and not it.closed]
    if not asked:
        return ()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda listener: _of(live, listener, patience), asked))
    return tuple(it for it in found if it.held and it.given)


def _of(live: LiveConfig, listener: Listener, patience: timedelta) -> Presented:
    pems = (live.snapshot.pems.get(path) or certificates.read_pem(path) for path in listener.chains)
    held = sorted({digest for pem in pems if pem for digest in leaves(pem)})
    return Presented(listener.subject, listener.chains, tuple(held), tuple(sorted(set(_given(listener, patience)))))


def _given(listener: Listener, patience: timedelta) -> Iterator[str]:
    """A running smtpd may still serve an old certificate beside a new one: several sessions."""
    deadline = time.monotonic() + (patience + listener.delay * CONNECTIONS).total_seconds()
    plan = Visit(listener.address, listener.port, listener.ehlo, wrapped=listener.wrapped)
    for _ in range(CONNECTIONS):
        left = timedelta(seconds=deadline - time.monotonic())
        session = smtp.visit(replace(plan, patience=left)) if left > timedelta(0) else None
        if session is None or session.tls is None:
            return
        yield session.tls.certificate
