"""One message out of the canary, to a private server: smtp(8) with the candidate's levels, tables and certificates."""

from __future__ import annotations

import re
from datetime import timedelta

from reconciler.canary.sink import Sink
from reconciler.errors import CommandFailed
from reconciler.host.instance import PrivateInstance
from reconciler.host.processes import until
from reconciler.live.config import LiveConfig
from reconciler.postfix.effective import client_level

_PATIENCE = timedelta(seconds=10)
_STATUS = re.compile(r"relay=\S+.*? status=(\w+) \((.*)\)")
_RECIPIENT = "probe@sink.invalid"
_NOT_TRUSTED = re.compile(r"not trusted|not verified|[Ff]ingerprint|certificate|DNSSEC|TLSA|dane", re.IGNORECASE)
OUTGOING = "outgoing mail"


def judge(instance: PrivateInstance, live: LiveConfig, sink: Sink) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Send one message; gives what is wrong with how it went, and what could not be tried."""
    service = live.master.by_key.get(("smtp", "unix"))
    if service is None:
        return (), ("outgoing mail was not tried: master.cf has no smtp/unix",)
    view = live.view_of(service)
    try:
        instance.sendmail(f"probe@{view.get('myhostname')}", [_RECIPIENT], "canary")
    except CommandFailed as failed:
        return (f"outgoing mail: it cannot be queued: {failed}",), ()
    status, why = _outcome(instance)
    level = client_level(view)
    if status == "sent":
        if sink.under_tls or level == "none":
            return (), ()
        if level in ("may", "dane") and not sink.handshakes:
            return (f"outgoing mail went in plaintext, and the level is {level}",), ()
        return (f"outgoing mail went in plaintext after a handshake had failed (level {level})",), ()
    if status and level not in ("none", "may") and _NOT_TRUSTED.search(why):
        return (), ()  # nobody trusts the sink's certificate; that far it came
    return (f"outgoing mail: {status or 'no attempt within'} {why}".strip(),), ()


def _outcome(instance: PrivateInstance) -> tuple[str, str]:
    for _ in until(_PATIENCE):
        for line in instance.log().splitlines():
            found = _STATUS.search(line)
            if found and _RECIPIENT in line:
                return found[1], found[2]
    return "", f"{_PATIENCE.total_seconds():g} s"
