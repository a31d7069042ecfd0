"""Proofs that send: one message for each recipient who was named, through the instance's own queue.

What happened is read from the log. What was not delivered is taken out of the queue again.

Source: TLS_README, "Client TLS activity logging"; the `to=…, status=…` line of smtp(8).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta

from reconciler.errors import CommandFailed
from reconciler.frozen import dataclass, replace
from reconciler.host.processes import until
from reconciler.live.config import LiveConfig
from reconciler.model.proof import Proof
from reconciler.probe import log
from reconciler.probe.log import Following
from reconciler.verify import judge, route
from reconciler.verify.host import Host
from reconciler.verify.route import Route

TLS, HELD = "outgoing-tls", "forced-tls-held"
PATIENCE = timedelta(seconds=60)  # for all messages together; smtp(8) gives a host 30 s to answer
_TLS_EXPECTED = "… TLS connection established to …, status=sent"
_HELD_EXPECTED = "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host …)"
_ESTABLISHED = re.compile(r"\]: (\w+ TLS connection (?:established|reused) to (\S+): \S+ with cipher \S+ \([^)]*\))")
_STATUS = re.compile(r"/(\w+)\[\d+\]: \w+: to=<.*?>,.*? relay=(\S+?),.*? (dsn=\S+, status=(\w+) \(.*\))")
_HELD = re.compile(r"dsn=4\.7\.4, status=deferred \(TLS is required, but was not offered by host ")
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # no blanks, no angle brackets, nothing that ends a line
_CLIENTS = ("smtp", "lmtp")


@dataclass(frozen=True, slots=True)
class _Sent:
    recipient: str
    route: Route
    message_id: str


def not_asked() -> Proof:
    """The one proof that stands for those that would send mail."""
    return judge.left_out(TLS, "outgoing mail", _TLS_EXPECTED, "no mail is sent unless asked for with --send RECIPIENT")


def send(live: LiveConfig, host: Host, recipients: Sequence[str], patience: timedelta = PATIENCE) -> Iterator[Proof]:
    """`outgoing-tls` or `forced-tls-held` for each recipient, whichever happened."""
    path = log.find(live.view)
    if path is None:
        yield from (judge.left_out(TLS, it, _TLS_EXPECTED, f"{log.ABSENT}; nothing was sent") for it in recipients)
        return
    following = Following(path)
    sent: list[_Sent] = []
    for recipient in recipients:
        try:
            sent.append(_submit(live, host, recipient))
        except _NotSent as why:
            yield why.proof
    for _ in until(patience):
        following.read()
        if all(_status(message, following.lines) for message in sent):
            break
    for message in sent:
        proof = _judged(message, following.lines, patience)
        left = _remove(message, following.lines, host)
        yield replace(proof, observed=f"{proof.observed}; {left}") if left else proof


class _NotSent(Exception):
    def __init__(self, proof: Proof) -> None:
        super().__init__(proof.observed)
        self.proof = proof


def _submit(live: LiveConfig, host: Host, recipient: str) -> _Sent:
    """From the null sender, so that nobody gets a bounce. Raises _NotSent."""
    if not _ADDRESS.fullmatch(recipient):
        raise _NotSent(judge.failed(TLS, recipient, _TLS_EXPECTED, "this is no address; write it as user@domain"))
    way = route.to(recipient, live, host)
    if way.problem:
        raise _NotSent(judge.failed(TLS, recipient, _TLS_EXPECTED, f"{way.problem}; nothing was sent"))
    if way.loglevel == "0":
        why = "smtp_tls_loglevel is 0, so the log does not tell; nothing was sent"
        raise _NotSent(judge.left_out(TLS, recipient, _TLS_EXPECTED, why))
    name = live.view.get("myhostname")
    sent = _Sent(recipient, way, f"reconciler-{secrets.token_hex(8)}@{name}")
    head = (
        f"From: Postfix TLS proof <postmaster@{name}>",
        f"To: <{recipient}>",
        "Subject: Proof of TLS",
        f"Message-ID: <{sent.message_id}>",
        "Auto-Submitted: auto-generated",
    )
    text = "This message proves that mail from here travels under TLS. Nothing needs to be done about it."
    try:
        host.submit("", (recipient,), "\n".join((*head, "", text, "")).encode())
    except CommandFailed as error:
        raise _NotSent(judge.failed(TLS, recipient, _TLS_EXPECTED, str(error))) from error
    return sent


def _status(message: _Sent, lines: Sequence[str]) -> str | None:
    """The line that says what became of a message, once it is there."""
    queue_id = log.queue_id(message.message_id, lines)
    about = log.of(queue_id, lines) if queue_id else ()
    return next((line for line in about if " status=" in line), None)


def _judged(message: _Sent, lines: Sequence[str], patience: timedelta) -> Proof:
    line = _status(message, lines)
    subject = message.recipient
    if line is None:
        late = f"no word of it in the log within {patience.total_seconds():g} s; the policy is {message.route.told}"
        return judge.failed(TLS, subject, _TLS_EXPECTED, late)
    return delivery(subject, message.route, line, lines)


def delivery(subject: str, way: Route, status_line: str, lines: Sequence[str]) -> Proof:
    """Judge what became of a message by its policy and its log line, and the TLS line of the same connection."""
    seen = _STATUS.search(status_line)
    if seen is None:
        return judge.failed(TLS, subject, _TLS_EXPECTED, status_line)
    program, relay, outcome, status = seen[1], seen[2], seen[3], seen[4]
    if program not in _CLIENTS and status == "sent":
        return judge.left_out(TLS, subject, _TLS_EXPECTED, f"{program} delivered it, without a connection: {outcome}")
    if way.policy.mandatory and _HELD.match(outcome):
        return judge.passed(HELD, subject, _HELD_EXPECTED, outcome)
    established = _tls_line(relay, lines)
    if status == "sent" and established:
        return judge.passed(TLS, subject, _TLS_EXPECTED, f"{established}; {outcome}")
    if status == "sent" and "conn_use=" in status_line:
        why = f"over a connection that was opened for earlier mail, whose TLS the log told then: {outcome}"
        return judge.left_out(TLS, subject, _TLS_EXPECTED, why)
    how = "without TLS" if status == "sent" else "not delivered"
    return judge.failed(TLS, subject, _TLS_EXPECTED, f"{how}, though the policy is {way.told}: {outcome}")


def _tls_line(relay: str, lines: Sequence[str]) -> str:
    """What was said of TLS with this relay; tlsproxy(8) says it where it keeps the connection."""
    found = (_ESTABLISHED.search(line) for line in lines)
    return next((it[1] for it in found if it and it[2] == relay), "")


def _remove(message: _Sent, lines: Sequence[str], host: Host) -> str:
    """Take what is still queued out of the queue; gives why that cannot be done, if it cannot."""
    line = _status(message, lines) or ""
    if "status=sent" in line or "status=bounced" in line:
        return ""
    queue_id = log.queue_id(message.message_id, lines)
    if queue_id is None:
        return f"it may still be in the queue, as Message-ID {message.message_id}"
    try:
        host.delete(queue_id)
    except CommandFailed as error:
        return f"it is still in the queue: {error}"
    return ""
