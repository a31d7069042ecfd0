"""What a session sees: the level of every listener and client, with what keeps it from being so.

Source: postconf(5); TLS_README, "Server-side TLS activation" and "Client TLS security levels".
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.explain.explanation import Session
from reconciler.live.config import LiveConfig
from reconciler.postfix import endpoint
from reconciler.postfix.effective import View, client_level, server_level
from reconciler.postfix.master_cf import Service

_CHAIN = ("smtpd_tls_chain_files", "smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file")
_SERVERS = ("smtpd", "postscreen")
_CLIENTS = ("smtp", "lmtp")
_SHARED = ("tls_", "tlsproxy_")


def services_reading(name: str, live: LiveConfig) -> Iterator[Service]:
    """The services in force that read a parameter: smtpd's by the listeners, smtp's by the clients."""
    side = name.partition("_")[0]
    for service in live.master.by_key.values():
        program = service.command
        if name.startswith(_SHARED):
            wanted = program in (*_SERVERS, *_CLIENTS)
        elif side == "smtpd":
            wanted = program == "smtpd"
        else:
            wanted = program == side
        if wanted:
            yield service


def of_parameter(name: str, live: LiveConfig) -> Iterator[Session]:
    """The level at every service that reads the parameter, and the value it has there."""
    for service in services_reading(name, live):
        view = live.view_of(service)
        value = view.get(name) or "(empty)"
        level = level_of(service, view)
        says = level if name.endswith("_security_level") else f"{level}; {name} is {value}"
        yield Session(subject(service), says)


def level_of(service: Service, view: View) -> str:
    """The effective level of one service, in words a reader of postconf(5) knows."""
    match service.command:
        case "smtpd":
            return _server(view)
        case "postscreen":
            level = view.get("postscreen_tls_security_level").lower() or "none"
            return _without_certificate(level, view) if level != "none" else level
        case "smtp" | "lmtp":
            return _client(view)
        case _:
            return "no TLS of its own"


def _server(view: View) -> str:
    level = server_level(view)
    if level == "none":
        return level
    words = [_without_certificate(level, view)]
    words += ["TLS from the first byte"] if view.is_yes("smtpd_tls_wrappermode") else []
    return ", ".join(words)


def _without_certificate(level: str, view: View) -> str:
    """Without a certificate smtpd logs one warning and offers no STARTTLS."""
    if any(view.get(name) for name in _CHAIN):
        return level
    return f"no TLS (the level is {level}, and no certificate is named)"


def _client(view: View) -> str:
    level = client_level(view)
    if level in ("dane", "dane-only") and view.get("smtp_dns_support_level").lower() != "dnssec":
        return f"{level}, without effect: smtp_dns_support_level is not dnssec"
    return level


def subject(service: Service) -> str:
    """A service as people name it: `submission (587)`, `smtp (client)`, `smtpd (behind postscreen)`."""
    name, kind = service.key
    if kind == "inet":
        port = endpoint.port_number(name)
        return f"{name} ({port})" if port and str(port) != endpoint.split(name)[1] else name
    if kind == "pass":
        return f"{name} (behind postscreen)"
    return f"{name} (client)" if service.command in _CLIENTS else f"{name} ({kind})"
