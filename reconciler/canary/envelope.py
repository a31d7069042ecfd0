"""An envelope for every smtpd: what a restriction list says about a sender and a recipient is looked up only then.

No DATA follows. Only replies that blame the server's own configuration count (RFC 3463, x.3.y); who is refused for
another reason is refused by a list that works.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reconciler.canary.names import listeners
from reconciler.live.config import LiveConfig
from reconciler.probe import smtp
from reconciler.probe.smtp import Visit

_PATIENCE = timedelta(seconds=4)


def problems(config: LiveConfig) -> Iterator[str]:
    """`config` is the private one. One session for each listener."""
    # postmaster without a domain would be taken past every list (RFC 5321, 4.5.1)
    envelope = ("MAIL FROM:<>", f"RCPT TO:<postmaster@{config.view.get('myhostname')}>")
    for listener in listeners(config):
        under_tls = listener.level != "none"
        session = smtp.visit(
            Visit(
                listener.address,
                listener.port,
                "probe.invalid",
                wrapped=listener.wrapped,
                starttls=under_tls,
                before_tls=() if under_tls else envelope,
                under_tls=envelope if under_tls else (),
                patience=_PATIENCE,
            )
        )
        for exchange in (*session.before_tls, *session.under_tls):
            if exchange.reply.code == 451 and exchange.reply.enhanced.startswith("4.3."):
                yield f"smtpd: {exchange.reply} to {exchange.command}"
                break
