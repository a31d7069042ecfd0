"""Every proof, in the order in which one would look: the service, logging in, the policies, and mail on its way."""

from __future__ import annotations

from reconciler.live.config import LiveConfig
from reconciler.model.desired import DesiredState
from reconciler.model.proof import Outcome, Proof
from reconciler.probe.smtp import Credentials
from reconciler.verify import incoming, judge, listeners, login, outgoing, sending
from reconciler.verify.host import Host
from reconciler.verify.server_names import server_names
from reconciler.verify.service import service_proofs


def verify(
    live: LiveConfig,
    desired: DesiredState | None,
    host: Host,
    *,
    auth: Credentials | None = None,
    send_to: tuple[str, ...] = (),
) -> tuple[Proof, ...]:
    """Prove what the running instance does.

    Without `desired` the live configuration alone says what is expected, and no policies are declared. Mail is sent to
    `send_to` and to nobody else. What could not be proved is LEFT_OUT and says why; nothing is raised.
    """
    proofs = [*service_proofs(live, desired)]
    if desired is not None:
        proofs += outgoing.policies(live, desired, host)
    if proofs[0].outcome is not Outcome.PASSED:
        why = "Postfix is not running"
        proofs += [judge.left_out(sending.TLS, it, "mail sent under TLS", why) for it in send_to]
        return tuple(proofs)
    proofs += login.logins(listeners.of(live, desired), auth)
    if desired is not None:
        proofs += server_names(live, desired)
        proofs += incoming.policies(live, desired)
    proofs += sending.send(live, host, send_to) if send_to else [sending.not_asked()]
    return tuple(proofs)
