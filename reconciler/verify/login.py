"""Logging in as a user who was given: the one proof that needs a password."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.frozen import replace
from reconciler.model.proof import Proof
from reconciler.probe import smtp
from reconciler.probe.smtp import Credentials, Session
from reconciler.verify import judge
from reconciler.verify.listeners import Listener
from reconciler.verify.service import conversation

NAME = "authenticated-accepted"
_EXPECTED = "235 to AUTH PLAIN, then 250 to MAIL and RCPT"


def logins(found: Iterable[Listener], auth: Credentials | None) -> Iterator[Proof]:
    """`authenticated-accepted`, for every listener that serves authenticated clients."""
    for listener in found:
        if not listener.is_submission or listener.closed:
            continue
        if auth is None:
            yield judge.left_out(NAME, listener.subject, _EXPECTED, "no --auth-user was given")
        else:
            yield _login(listener, auth)


def _login(listener: Listener, auth: Credentials) -> Proof:
    """No password is sent before TLS; the sender is the user, so that sender_login_maps has nothing to object to."""
    domain = listener.recipient.partition("@")[2]
    sender = auth.user if "@" in auth.user or not domain else f"{auth.user}@{domain}"
    plan = replace(
        conversation(listener),
        before_tls=(),
        under_tls=(auth, f"MAIL FROM:<{sender}>", f"RCPT TO:<{listener.recipient}>"),
        patience=smtp.PATIENCE + listener.delay,
    )
    session = smtp.visit(plan)
    observed = auth.mask(_observed(session))
    accepted = len(session.under_tls) == len(plan.under_tls) and all(it.reply.positive for it in session.under_tls)
    return judge.decide(accepted, NAME, listener.subject, _EXPECTED, observed)


def _observed(session: Session) -> str:
    refused = next((it for it in session.under_tls if not it.reply.positive), None)
    if refused:
        offered = [it for it in session.offered_under_tls if it.upper().startswith("AUTH")]
        hint = f"; EHLO lists {', '.join(offered) or 'no AUTH'}" if refused.command.startswith("AUTH") else ""
        return f"{refused.reply} to {refused.command}{hint}"
    if session.problem or not session.under_tls:
        return session.problem or "no TLS session to log in in"
    return "; ".join(str(it.reply) for it in session.under_tls)
