"""Messages out of the canary, to a private server: each smtp(8) with the candidate's levels, tables and certificates.

They come in by a listener of the canary's own, and are addressed to domains that its transport table gives to one
service each.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta

from reconciler.canary.heard import Vigil
from reconciler.canary.private import Private
from reconciler.canary.sink import Sink
from reconciler.host.processes import until
from reconciler.live.config import LiveConfig
from reconciler.postfix.effective import client_level
from reconciler.postfix.master_cf import Service

_PATIENCE = timedelta(seconds=8)
_STATUS = re.compile(r"to=<probe@(\S+?)>.*? relay=\S+.*? status=(\w+) \((.*)\)")
_NOT_TRUSTED = re.compile(r"not trusted|not verified|certificate|DNSSEC|TLSA|dane|fingerprint", re.IGNORECASE)
_MESSAGE = b"Subject: canary\r\n\r\ncanary\r\n."
OUTGOING = "outgoing mail"
_GIVEN_UP = "bad command startup -- throttling"  # master(8), a second after a service has died


def judge(vigil: Vigil, live: LiveConfig, private: Private, sink: Sink) -> tuple[str, ...]:
    """One message by each client; gives what is wrong with how they went. Nothing is waited for once it is over."""
    if not private.clients:
        return (f"{OUTGOING}: master.cf has no service that runs smtp",)
    refused = _inject(sink.address, private)
    if refused:
        return (f"{OUTGOING}: it cannot be queued: {refused}",)
    outcomes = _outcomes(vigil, private.clients)
    return tuple(
        text
        for domain, it in private.clients.items()
        for text in _problems(it, live, outcomes.get(domain), sink, domain)
    )


def _problems(
    service: Service, live: LiveConfig, outcome: tuple[str, str] | None, sink: Sink, domain: str
) -> Iterator[str]:
    name = f"{OUTGOING} by {service.name}"
    level = _level(service, live)
    status, why = outcome or ("no attempt", f"within {_PATIENCE.total_seconds():g} s")
    if status != "sent":
        if level in ("none", "may") or not _NOT_TRUSTED.search(why) or "TLS configuration" in why:
            yield f"{name}: {status}: {why}"
        return  # nobody trusts the sink's certificate; that far it came
    if level != "none" and domain not in sink.under_tls:
        yield f"{name} went in plaintext, and the level is {level}"


def _level(service: Service, live: LiveConfig) -> str:
    """The client's level. lmtp(8) has parameters of its own, and postconf(1) knows no older forms of them."""
    if service.command.rpartition("/")[2] == "lmtp":
        return live.view_of(service).get("lmtp_tls_security_level").lower() or "none"
    return client_level(live.view_of(service))


def _inject(address: str, private: Private) -> str:
    """Queue the messages; gives the reply that refused one, nothing where all went well."""
    commands = [b"", b"EHLO probe.invalid"]
    for domain in private.clients:  # a message each: a bounce, as which they come, has one recipient
        commands += [b"MAIL FROM:<>", f"RCPT TO:<probe@{domain}>".encode(), b"DATA", _MESSAGE]
    with suppress(OSError), socket.create_connection((address, private.injection), _PATIENCE.total_seconds()) as line:
        with line.makefile("rb") as reader:
            for command in (*commands, b"QUIT"):
                if command:
                    line.sendall(command + b"\r\n")
                reply = reader.readline(2048)
                while reply[3:4] == b"-":
                    reply = reader.readline(2048)
                if reply[:1] not in (b"2", b"3"):
                    said = reply.decode("utf-8", "replace").strip() or "the connection was closed"
                    return f"{said} to {command.decode().partition(chr(13))[0] or 'the connection'}"
        return ""
    return "no smtpd answers"


def _outcomes(vigil: Vigil, clients: Mapping[str, Service]) -> dict[str, tuple[str, str]]:
    """Status and reason by domain, as the log has them."""
    found: dict[str, tuple[str, str]] = {}
    for _ in until(_PATIENCE):
        log = vigil.instance.log()
        found = {it[1]: (it[2], it[3]) for it in _STATUS.finditer(log) if it[1] in clients}
        if len(found) == len(clients) or _GIVEN_UP in log or vigil.is_over.is_set():  # no status will come
            break
    return found
