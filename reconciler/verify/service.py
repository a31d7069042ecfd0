"""The proofs of the service: what every listener shall do for whoever connects. Quick enough to frame a change.

Politeness: the host's own addresses, one connection at a time for each listener, a handful of them, QUIT at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from reconciler.frozen import replace
from reconciler.host import certificates, master
from reconciler.live.config import LiveConfig
from reconciler.model.desired import DesiredState
from reconciler.model.proof import Outcome, Proof
from reconciler.model.snapshot import PemFile
from reconciler.probe import smtp
from reconciler.probe.smtp import Session, Visit
from reconciler.verify import judge, listeners
from reconciler.verify.listeners import Listener

CONNECTIONS = 3  # for each listener: a running smtpd may still serve an old certificate beside a new one
LIMIT = timedelta(seconds=30)  # for all listeners together
AT_ONCE = 16  # listeners


def service_proofs(
    live: LiveConfig,
    desired: DesiredState | None = None,
    *,
    patience: timedelta = smtp.PATIENCE,
    limit: timedelta = LIMIT,
) -> tuple[Proof, ...]:
    """Probe every listener, all at once, and judge what was seen against `live` and what `desired` enforces.

    `patience` is for one listener, `limit` for everything. Nothing is raised: what cannot be had is a failed proof, or
    one left out that says why.
    """
    running, is_up = _running(live)
    found = listeners.of(live, desired)
    if not is_up:
        reports = [judge.without_sessions(listener, "Postfix is not running") for listener in found]
    else:
        deadline = time.monotonic() + limit.total_seconds()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            reports = list(pool.map(lambda listener: _prove(live, listener, patience, deadline), found))
    return (running, *_absent(live, desired), *(proof for report in reports for proof in report))


def regressions(before: Iterable[Proof], after: Iterable[Proof]) -> tuple[Proof, ...]:
    """What fails after a change and did not before: it held, or could not be told, or is new."""
    failed = {proof.key for proof in before if proof.outcome is Outcome.FAILED}
    return tuple(proof for proof in after if proof.outcome is Outcome.FAILED and proof.key not in failed)


def leaves(pem: PemFile) -> frozenset[str]:
    """The digests of the certificates that a server with this file presents: the first, and each that follows a key."""
    found: set[str] = set()
    index = 0
    for before, kind in zip(("key", *pem.order), pem.order, strict=False):
        if kind == "certificate" and index < len(pem.certificates):
            if before == "key" or index == 0:
                found.add(pem.certificates[index].sha256)
            index += 1
    return frozenset(found)


def _running(live: LiveConfig) -> tuple[Proof, bool]:
    name, subject, expected = "postfix-running", live.snapshot.config_directory, "master(8) is up"
    pid = master.pid(live.view.get("queue_directory"), subject)
    if pid is None:
        return judge.failed(name, subject, expected, "it does not run"), False
    return judge.passed(name, subject, expected, f"process {pid}"), True


def _absent(live: LiveConfig, desired: DesiredState | None) -> Iterator[Proof]:
    for service in listeners.missing(live, desired) if desired else ():
        observed = f"master.cf does not hold it; {service.origin} declares it"
        yield judge.failed("service-present", service.name, "a listener", observed)


def _prove(live: LiveConfig, listener: Listener, patience: timedelta, deadline: float) -> tuple[Proof, ...]:
    if listener.closed:
        return judge.without_sessions(listener, listener.closed)
    if listener.level == "none":
        return judge.without_sessions(listener, "smtpd_tls_security_level is none here")
    seen = _visit(listener, patience, deadline)
    if not seen:
        return judge.without_sessions(listener, "no time was left for it")
    digests, unreadable = _served(live, listener)
    return judge.sessions(listener, seen, digests, unreadable)


def _visit(listener: Listener, patience: timedelta, deadline: float) -> tuple[Session, ...]:
    """The conversation, then handshakes, until one comes to nothing; `patience` is for all of them together."""
    seen: list[Session] = []
    plan = conversation(listener)
    deadline = min(deadline, time.monotonic() + (patience + listener.delay * CONNECTIONS).total_seconds())
    while len(seen) < CONNECTIONS:
        left = timedelta(seconds=deadline - time.monotonic())
        if left <= timedelta(0):
            break
        seen.append(smtp.visit(replace(plan, patience=left)))
        if seen[-1].tls is None or seen[-1].problem:
            break
        plan = replace(plan, before_tls=(), under_tls=())
    return tuple(seen)


def conversation(listener: Listener) -> Visit:
    """What to ask of a listener: what it must refuse, and elsewhere no more than a handshake."""
    before: tuple[str, ...] = ("MAIL FROM:<>",) if listener.level == "encrypt" and not listener.wrapped else ()
    under: tuple[str, ...] = ()
    if listener.is_submission:
        before = ("AUTH PLAIN", *before) if before else ()
        under = ("MAIL FROM:<>", f"RCPT TO:<{listener.recipient}>")
    return Visit(
        listener.address,
        listener.port,
        listener.ehlo,
        wrapped=listener.wrapped,
        before_tls=before,
        under_tls=under,
    )


def _served(live: LiveConfig, listener: Listener) -> tuple[frozenset[str], str]:
    """The digests of the leaves in a listener's files, and why one cannot be read."""
    digests: frozenset[str] = frozenset()
    problems = []
    for path in listener.chains:
        pem = live.snapshot.pems.get(path) or certificates.read_pem(path)
        digests |= leaves(pem) if pem else frozenset()
        if pem is None or not pem.certificates:
            problems.append(f"{path}: {pem.problem or 'no certificate in it' if pem else 'there is no such file'}")
    return digests, "; ".join(problems)
