"""One session with every smtpd, as far as the recipient: what its lists say, and whether users find their login.

No DATA follows. Only replies that blame the server's own configuration count (RFC 3463, x.3.y); who is refused for
another reason is refused by a list that works, unless the list is new and gives none. A recipient elsewhere has to be
refused: who asks is a stranger.
"""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from reconciler.canary.names import Listener, listeners
from reconciler.live.config import LiveConfig
from reconciler.probe import smtp
from reconciler.probe.smtp import Session, Visit

_PATIENCE = timedelta(seconds=4)
_AT_ONCE = 8
_ELSEWHERE = "RCPT TO:<canary@stranger.invalid>"  # RFC 2606: no such host will ever be
_NO_REASON = re.compile(r"rejected: (Access denied|Try again later)$")
_READABLE = frozenset({"PLAIN", "LOGIN"})  # to whoever listens on the way


def problems(config: LiveConfig, ours: int, watched: Container[int], end: float) -> Iterator[str]:
    """One session for each listener of the private `config`, but for the one on the port `ours`.

    Of those on the ports `watched` it counts, too, that nobody's mail is taken. `end` is when all has to be done
    (monotonic).
    """
    # postmaster without a domain would be taken past every list (RFC 5321, 4.5.1)
    envelope = ("MAIL FROM:<>", f"RCPT TO:<postmaster@{config.view.get('myhostname')}>", _ELSEWHERE)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [it for it in listeners(config) if it.port != ours]
        found = pool.map(lambda it: list(_of(it, envelope, end, watched=it.port in watched)), asked)
        for each in found:
            yield from each


def _of(listener: Listener, envelope: tuple[str, ...], end: float, *, watched: bool) -> Iterator[str]:
    under_tls = listener.level != "none"
    left = timedelta(seconds=max(end - time.monotonic(), 0.1))
    session = smtp.visit(
        Visit(
            listener.address,
            listener.port,
            "probe.invalid",
            wrapped=listener.wrapped,
            starttls=under_tls,
            before_tls=() if under_tls else envelope,
            under_tls=envelope if under_tls else (),
            patience=min(_PATIENCE, left),
        )
    )
    yield from _replies(listener, session)
    yield from _login(listener, session)
    if watched and not listener.sasl:
        yield from _closed(listener, session)


def _replies(listener: Listener, session: Session) -> Iterator[str]:
    for exchange in (*session.before_tls, *session.under_tls):
        if exchange.reply.code == 451 and exchange.reply.enhanced.startswith("4.3."):
            yield f"smtpd: {exchange.reply} to {exchange.command}"
            break
        if exchange.command == _ELSEWHERE and exchange.reply.positive and not listener.trusts_neighbours:
            yield f"smtpd {listener.service}: it relays for strangers: {exchange.reply} to {exchange.command}"


def _closed(listener: Listener, session: Session) -> Iterator[str]:
    """Refused for no reason of its own: so is everybody else."""
    for exchange in (*session.before_tls, *session.under_tls):
        if exchange.command != _ELSEWHERE and _NO_REASON.search(str(exchange.reply)):
            what = f"a stranger is refused for no reason: {exchange.reply} to {exchange.command}"
            yield f"smtpd {listener.service}: {what}"
            break


def _login(listener: Listener, session: Session) -> Iterator[str]:
    if not listener.sasl or listener.level == "none":
        return
    if session.offered_under_tls and listener.offers_to_all and not _mechanisms(session.offered_under_tls):
        yield f"smtpd {listener.service}: users can log in, and EHLO lists no AUTH under TLS"
    readable = _READABLE & _mechanisms(session.offered)
    if readable:
        yield f"smtpd {listener.service}: AUTH {' '.join(sorted(readable))} is offered before TLS"


def _mechanisms(offered: tuple[str, ...]) -> frozenset[str]:
    said = (keyword.upper().replace("=", " ").split() for keyword in offered)
    return frozenset(word for words in said if words and words[0] == "AUTH" for word in words[1:])
