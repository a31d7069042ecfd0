"""What sessions with a listener prove. Pure: facts in, proofs out. docs/reference/proofs.md lists them.

Source: TLS_README, "Server-side TLS activation"; SASL_README; RFC 3207, RFC 4954, RFC 8314.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from reconciler.model.proof import Outcome, Proof
from reconciler.probe.smtp import Exchange, Reply, Session
from reconciler.verify.listeners import Listener

MUST_STARTTLS = "530 5.7.0 Must issue a STARTTLS command first"
_TOO_MANY = "too many"  # anvil(8) counts, smtpd says so; `smtpd_client_*_rate_limit` of postconf(5)
_DIGEST_SHOWN = 16  # hexadecimal digits; enough to tell two certificates apart


def passed(name: str, subject: str, expected: str, observed: str) -> Proof:
    return Proof(name, subject, Outcome.PASSED, expected, observed)


def failed(name: str, subject: str, expected: str, observed: str) -> Proof:
    return Proof(name, subject, Outcome.FAILED, expected, observed)


def left_out(name: str, subject: str, expected: str, why: str) -> Proof:
    return Proof(name, subject, Outcome.LEFT_OUT, expected, why)


def decide(holds: bool, name: str, subject: str, expected: str, observed: str) -> Proof:
    return (passed if holds else failed)(name, subject, expected, observed)


def names(listener: Listener) -> dict[str, str]:
    """The proofs that are due for a listener, each with what is expected."""
    if listener.level == "none":
        return {"starttls-offered": "nothing: smtpd_tls_security_level is none"}
    due = {
        "tls-on-connect" if listener.wrapped else "starttls-offered": "a session under TLS from its first byte"
        if listener.wrapped
        else "EHLO lists STARTTLS, and a session under TLS",
        "certificate-served": "the certificate of the configured file",
    }
    if listener.is_submission and not listener.wrapped:
        due["auth-hidden-in-plaintext"] = "EHLO without AUTH before TLS"
        due["plaintext-auth-refused"] = MUST_STARTTLS
    if listener.level == "encrypt" and not listener.wrapped:
        due["plaintext-mail-refused"] = MUST_STARTTLS
    if listener.is_submission:
        due["unauthenticated-refused"] = "554 5.7.1 … Access denied, under TLS and without AUTH"
    return due


def without_sessions(listener: Listener, why: str) -> tuple[Proof, ...]:
    """The proofs of a listener that was not probed."""
    return tuple(left_out(name, listener.subject, expected, why) for name, expected in names(listener).items())


def sessions(
    listener: Listener, seen: tuple[Session, ...], served: AbstractSet[str], unreadable: str = ""
) -> tuple[Proof, ...]:
    """Judge the sessions with one listener; the first holds the whole conversation, the others only the handshake.

    `served` are the digests of the certificates that its files hold; `unreadable` says why there are none.
    """
    return tuple(_proofs(listener, seen, served, unreadable))


def _proofs(
    listener: Listener, seen: tuple[Session, ...], served: AbstractSet[str], unreadable: str
) -> Iterator[Proof]:
    first, subject, due = seen[0], listener.subject, names(listener)
    refusal = _refusal(first)
    if refusal:
        yield from without_sessions(listener, refusal)
        return
    yield _handshake(listener, first, due)
    if first.tls is None:
        yield left_out("certificate-served", subject, due["certificate-served"], "no TLS session to see it in")
    else:
        yield _certificate(subject, seen, served, unreadable, due["certificate-served"])
    if not listener.wrapped:
        yield from _plaintext(subject, first, due)
    if listener.is_submission:
        yield _unauthenticated(subject, first, due["unauthenticated-refused"])


def _refusal(session: Session) -> str:
    """Why a listener that works turns this client away: its limits or its access rules, not its configuration."""
    if session.starttls and _TOO_MANY in str(session.starttls):
        return f"it begins no further TLS session with this host: {session.starttls}"
    greeting = session.greeting
    if greeting is None or greeting.positive or greeting.enhanced.partition(".")[2].startswith("3."):
        return ""
    return f"it does not talk to this host: {greeting}"


def _handshake(listener: Listener, session: Session, due: dict[str, str]) -> Proof:
    name = "tls-on-connect" if listener.wrapped else "starttls-offered"
    if session.tls and session.offered_under_tls:
        return passed(name, listener.subject, due[name], str(session.tls))
    return failed(name, listener.subject, due[name], _why_no_tls(session))


def _why_no_tls(session: Session) -> str:
    if session.starttls is not None and not session.starttls.positive:
        return f"STARTTLS is answered with {session.starttls}"
    if session.problem:
        return f"{session.problem}, under {session.tls}" if session.tls else session.problem
    if session.greeting is not None and not session.greeting.positive:
        return str(session.greeting)
    if session.tls:
        return f"EHLO is refused under {session.tls}"
    return f"EHLO lists no STARTTLS, only: {', '.join(session.offered)}"


def _certificate(
    subject: str, seen: tuple[Session, ...], served: AbstractSet[str], unreadable: str, expected: str
) -> Proof:
    name = "certificate-served"
    if not served:
        return left_out(name, subject, expected, unreadable or "no certificate file is configured")
    expected = f"{expected}: sha256 {' or '.join(sorted(_short(digest) for digest in served))}"
    seen = tuple(session for session in seen if not _refusal(session))  # beyond its limits it tells nothing
    digests = [session.tls.certificate for session in seen if session.tls]
    others = sorted({digest for digest in digests if digest not in served})
    right = len(digests) - sum(digest in others for digest in digests)
    observed = f"{right} of {len(seen)} connections"
    if others:
        observed += f", others were given sha256 {', '.join(map(_short, others))}"
    elif right < len(seen):
        observed += f", then: {next(_why_no_tls(session) for session in seen if not session.tls)}"
    else:
        observed += f", sha256 {', '.join(sorted({_short(digest) for digest in digests}))}"
    return decide(right == len(seen), name, subject, expected, observed)


def _short(digest: str) -> str:
    return digest[:_DIGEST_SHOWN] + "…"


def _plaintext(subject: str, session: Session, due: dict[str, str]) -> Iterator[Proof]:
    name = "auth-hidden-in-plaintext"
    if name in due:
        auth = [keyword for keyword in session.offered if keyword.upper().startswith("AUTH")]
        observed = f"EHLO lists {', '.join(auth)}" if auth else "EHLO lists no AUTH"
        if session.offered:
            yield decide(not auth, name, subject, due[name], observed)
        else:
            yield left_out(name, subject, due[name], session.problem or "EHLO is refused")
    for name, command in (("plaintext-auth-refused", "AUTH"), ("plaintext-mail-refused", "MAIL")):
        if name not in due:
            continue
        reply = _reply_to(command, session.before_tls)
        if reply is None:
            yield left_out(name, subject, due[name], session.problem or "not asked")
        else:
            yield decide(_is_refused_before_tls(command, reply), name, subject, due[name], str(reply))


def _is_refused_before_tls(command: str, reply: Reply) -> bool:
    """AUTH is also refused where it does not exist before TLS: `503 5.5.1 Error: authentication not enabled`."""
    code = _firm(reply)
    return code == 530 or (command == "AUTH" and code in (502, 503, 538))


def _firm(reply: Reply) -> int:
    """The code without `soft_bounce`, which turns every 5 in front into a 4."""
    is_soft = reply.code in (402, 403, 430, 438, 454) and (reply.code != 454 or "Access denied" in str(reply))
    return reply.code + 100 if is_soft else reply.code


def _reply_to(command: str, exchanges: tuple[Exchange, ...]) -> Reply | None:
    return next((it.reply for it in exchanges if it.command.startswith(command)), None)


def _unauthenticated(subject: str, session: Session, expected: str) -> Proof:
    name = "unauthenticated-refused"
    if not session.under_tls:
        why = session.problem if session.tls else "no TLS session to ask in"
        return left_out(name, subject, expected, why)
    refused = next((it for it in session.under_tls if not it.reply.positive), None)
    if refused is None:
        last = session.under_tls[-1]
        return failed(name, subject, expected, f"{last.reply} to {last.command}")
    observed = f"{refused.reply} to {refused.command}"
    return decide(_firm(refused.reply) in (530, 550, 553, 554), name, subject, expected, observed)
