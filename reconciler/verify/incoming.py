"""Incoming policies as a sender meets them: refused in plaintext, taken under TLS. Nothing is delivered.

One session for each row asks for both; a recipient of the host's own is named, and no DATA follows.

Source: postconf(5), reject_plaintext_session, plaintext_reject_code; access(5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import timedelta

from reconciler.frozen import replace
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
from reconciler.model.address import RowAddress, TableAddress
from reconciler.model.desired import DesiredState, DesiredTable
from reconciler.model.proof import Proof
from reconciler.probe import smtp
from reconciler.probe.smtp import Exchange, Session, Visit
from reconciler.verify import judge, listeners
from reconciler.verify.listeners import Listener

ROWS = 5  # of each table; one session a row
_REFUSED = "Session encryption is required"
_CHECKS = {"check_sender_access": "sender", "check_client_access": "client"}
_TLS_OR_SYSTEM = ("3", "7")  # subjects of RFC 3463: what a wrong policy or a missing table answers with


def policies(live: LiveConfig, desired: DesiredState, patience: timedelta = smtp.PATIENCE) -> Iterator[Proof]:
    """`sender-policy-plaintext` and `-tls`, `client-policy-plaintext` and `-tls`, for declared rows.

    `patience` is for each session; the first that gets no answer is the last.
    """
    found = listeners.of(live, desired)
    where = _mx(found)
    for table in desired.tables:
        side = _CHECKS.get(table.before)
        if side is None:
            continue
        path = in_address(table.path, live.snapshot.config_directory)
        if table.part not in desired.enforced:
            yield _left_out(side, path, f"{table.part.value} is only observed")
        elif where is None:
            yield _nowhere(side, path, found)
        else:
            yield from _rows(side, table, path, where, patience)


def _left_out(side: str, path: str, why: str) -> Proof:
    return judge.left_out(f"{side}-policy-plaintext", str(TableAddress(path)), f"450 4.7.1 {_REFUSED}", why)


def _nowhere(side: str, path: str, found: tuple[Listener, ...]) -> Proof:
    """No listener to ask. That is sound where one for mail from elsewhere demands TLS of everybody."""
    why = "no listener takes mail with and without TLS"
    closed = [f"{it.subject}: {it.closed}" for it in found if it.closed]
    is_moot = any(it.level == "encrypt" and not it.wrapped and not it.is_submission for it in found)
    if closed or is_moot:
        return _left_out(side, path, "; ".join((why, *closed)))
    return judge.failed(f"{side}-policy-plaintext", str(TableAddress(path)), f"450 4.7.1 {_REFUSED}", why)


def _mx(found: Iterable[Listener]) -> Listener | None:
    """The listener for mail from elsewhere: on port 25, or the first where TLS is offered and not demanded."""
    usable = [it for it in found if it.level == "may" and not it.wrapped and not it.closed]
    return min(usable, key=lambda it: it.port != 25, default=None)


def _rows(side: str, table: DesiredTable, path: str, where: Listener, patience: timedelta) -> Iterator[Proof]:
    meeting = [row.key for row in table.rows if _applies(side, row.key, where)]
    for key in meeting[:ROWS]:
        ask = (f"MAIL FROM:<{_sender(side, key)}>", f"RCPT TO:<{where.recipient}>")
        plan = Visit(where.address, where.port, where.ehlo, before_tls=ask, under_tls=ask)
        session = smtp.visit(replace(plan, patience=patience + where.delay))
        if not session.before_tls:
            yield _left_out(side, path, session.problem or f"it does not talk to this host: {session.greeting}")
            return
        subject = str(RowAddress(path, key))
        yield _plaintext(f"{side}-policy-plaintext", subject, session)
        yield _under_tls(f"{side}-policy-tls", subject, session)
    if len(meeting) > ROWS:
        yield _left_out(side, path, f"{len(meeting) - ROWS} further rows; {ROWS} of a table are tried")
    if len(meeting) < len(table.rows):
        other = f"{len(table.rows) - len(meeting)} of {len(table.rows)} rows are for other clients than {where.address}"
        yield _left_out(side, path, f"{other}, from which this probes")


def _applies(side: str, key: str, where: Listener) -> bool:
    """Whether a probe from this host meets the row: any sender can be named, but the client is who it is."""
    if side == "sender":
        return True
    try:
        return ipaddress.ip_address(where.address) in ipaddress.ip_network(key, strict=False)
    except ValueError:
        return False  # a name; which one this client has, the resolver of Postfix decides


def _sender(side: str, key: str) -> str:
    """An address that the row matches; `.domain` stands for a subdomain."""
    if side == "client":
        return ""
    if "@" in key:
        return key
    return f"probe@sub{key}" if key.startswith(".") else f"probe@{key}"


def _plaintext(name: str, subject: str, session: Session) -> Proof:
    expected = f"450 4.7.1 {_REFUSED}"
    answer = _answer(session.before_tls)
    holds = not answer.reply.positive and _REFUSED in str(answer.reply)
    if not holds and _is_about_something_else(answer):
        return judge.left_out(name, subject, expected, f"another check answers first: {_told(answer)}")
    return judge.decide(holds, name, subject, expected, _told(answer))


def _under_tls(name: str, subject: str, session: Session) -> Proof:
    expected = "250 under TLS"
    if not session.under_tls:
        return judge.left_out(name, subject, expected, session.problem or "no TLS session to ask in")
    answer = _answer(session.under_tls)
    if _is_about_something_else(answer):
        return judge.left_out(name, subject, expected, f"another check refuses it: {_told(answer)}")
    return judge.decide(answer.reply.positive, name, subject, expected, _told(answer))


def _answer(exchanges: tuple[Exchange, ...]) -> Exchange:
    """The first refusal, or what was said last."""
    return next((it for it in exchanges if not it.reply.positive), exchanges[-1])


def _told(exchange: Exchange) -> str:
    return f"{exchange.reply} to {exchange.command}"


def _is_about_something_else(exchange: Exchange) -> bool:
    """A refusal for an address or a mailbox (RFC 3463: x.1, x.2, …), such as a sender's domain without a DNS entry."""
    enhanced = exchange.reply.enhanced
    return not exchange.reply.positive and bool(enhanced) and enhanced.split(".")[1] not in _TLS_OR_SYSTEM
