"""What services do to each other and to their clients, as far as reading tells: each of these Postfix starts with.

Source: postconf(5), the parameters named; RFC 8314, section 3.3; master(5).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from reconciler.live.config import LiveConfig
from reconciler.postfix import endpoint
from reconciler.postfix.effective import View, client_level, server_level
from reconciler.postfix.master_cf import Service
from reconciler.postfix.restrictions import elements

_CORE = frozenset(
    {"pickup", "cleanup", "qmgr", "tlsmgr", "rewrite", "bounce", "defer", "trace", "verify", "flush", "proxymap"}
    | {"proxywrite", "smtp", "relay", "showq", "error", "retry", "discard", "local", "virtual", "lmtp", "anvil"}
    | {"scache"}
)
_STAYS = ("queue_directory", "data_directory", "mail_owner", "setgid_group")  # of a Postfix that runs
_WRAPPED = "smtpd_tls_wrappermode"
_LISTS = tuple(f"smtpd_{stage}_restrictions" for stage in ("client", "helo", "sender", "relay", "recipient"))
_NOBODY = frozenset({"reject", "defer"})
_NO_RELAY = frozenset({"reject_unauth_destination", "defer_unauth_destination"})
_FOR_RECIPIENTS = ("smtpd_relay_restrictions", "smtpd_recipient_restrictions")
_STRICT = ("reject_", "permit_mynetworks", "permit_inet_interfaces", "warn_if_reject", "check_policy_service")
_LOGIN = "permit_sasl_authenticated"
_WRAPPED_PORT, _STARTTLS_PORTS = 465, (25, 587)
_EXCLUDED = ("exclude_ciphers", "mandatory_exclude_ciphers")


def faults(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    """Every fault of the services of a configuration, in the order of master.cf."""
    yield from _programs(config)
    yield from _gone(config, live)
    yield from _moved(config, live)
    yield from _clients(config.view)
    yield from _companions(config)
    yield from _turned(config, live)
    for service in config.master.by_key.values():
        if service.type == "inet" and posixpath.basename(service.command) == "smtpd":
            yield from (
                f"master.cf: {service.name}/inet: {text}" for text in _listener(service, config.view_of(service))
            )


def _programs(config: LiveConfig) -> Iterator[str]:
    directory = config.view.get("daemon_directory")
    for service in config.master.by_key.values():
        path = posixpath.join(directory, service.command)
        if directory and not Path(path).is_file():
            yield f"master.cf: {service.name}/{service.type}: there is no program {path}"


def _gone(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    needed = {key for key in live.master.by_key if key[0] in _CORE and key[1] != "inet"}
    if config.view.get("maillog_file"):  # without postlogd(8) every program waits to be heard
        needed.add((config.view.get("postlog_service_name"), "unix-dgram"))
    for name, kind in sorted(needed - config.master.by_key.keys()):
        yield f"master.cf: {name}/{kind} is gone, which other services need"


def _moved(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    for name in _STAYS:
        if config.view.get(name) != live.view.get(name):
            yield f"main.cf: {name}: a Postfix that runs cannot take another one; stop it for that"


def _clients(view: View) -> Iterator[str]:
    if view.is_yes("smtp_tls_wrappermode") and not view.get("relayhost"):
        yield "main.cf: smtp_tls_wrappermode: servers on port 25 do not speak TLS from the first byte; use -o"
    for side in ("smtp", "smtpd"):
        for name in (f"{side}_tls_{kind}" for kind in _EXCLUDED):
            if "ALL" in view.get(name).replace(",", " ").split():
                yield f"main.cf: {name}: ALL leaves no cipher"


def _listener(service: Service, view: View) -> Iterator[str]:
    if view.is_yes(_WRAPPED) and _WRAPPED not in service.overrides and endpoint.port_number(service.name) != 465:
        yield f"{_WRAPPED}: its clients do not speak TLS from the first byte; write it as -o of a service for it"
    for name in _LISTS:
        words = [it.text.lower() for it in elements(view.get(name), with_arguments=True)]
        if words and words[0] in _NOBODY:
            yield f"{name}: {words[0]} comes first, so nobody gets past it"
        elif words[:2] in ([_LOGIN, it] for it in _NOBODY) and not _lets_log_in(view):
            yield f"{name}: only who has logged in gets past it, and it lets nobody log in"
        elif _lets_log_in(view) and (refusal := _refuses_users(name, words)):
            yield f"{name}: who has logged in meets {refusal} before {_LOGIN}, and cannot send"


def _refuses_users(name: str, words: list[str]) -> str:
    """What turns away users who have logged in; nothing where the list lets them through, or a table may."""
    final = _NOBODY | (_NO_RELAY if name in _FOR_RECIPIENTS else frozenset())
    for word in words:
        if word in final:
            return word
        if not word.startswith(_STRICT):
            return ""
    return ""


def _lets_log_in(view: View) -> bool:
    hidden = view.get("smtpd_discard_ehlo_keywords").lower().replace(",", " ").split()
    return view.is_yes("smtpd_sasl_auth_enable") and "auth" not in hidden


def _companions(config: LiveConfig) -> Iterator[str]:
    """What postscreen(8) and smtp(8) hand their work to."""
    for service in config.master.by_key.values():
        view, needed = config.view_of(service), []
        match posixpath.basename(service.command):
            case "postscreen":
                needed = [(view.get("smtpd_service_name"), "pass")]
                if server_level(view) != "none":
                    needed.append((view.get("tlsproxy_service_name"), "unix"))
                if view.get("postscreen_dnsbl_sites"):
                    needed.append((view.get("dnsblog_service_name"), "unix"))
            case "smtp" if view.is_yes("smtp_tls_connection_reuse") and client_level(view) != "none":
                needed = [(view.get("tlsproxy_service_name"), "unix")]
        for name, kind in needed:
            if (name, kind) not in config.master.by_key:
                yield f"master.cf: {service.name}/{service.type} needs a service {name}/{kind}"


def _turned(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    """A listener whose clients would have to begin in another way: TLS from the first byte, or STARTTLS."""
    for key, service in config.master.by_key.items():
        before = live.master.by_key.get(key)
        if before is None or _WRAPPED not in {*service.overrides, *before.overrides}:
            continue
        if key[1] != "inet" or posixpath.basename(service.command) != "smtpd":
            continue
        wrapped, port = config.view_of(service).is_yes(_WRAPPED), endpoint.port_number(service.name)
        is_mended = port == _WRAPPED_PORT if wrapped else port in _STARTTLS_PORTS
        if wrapped != live.view_of(before).is_yes(_WRAPPED) and not is_mended:
            how = "under TLS from the first byte" if wrapped else "in plaintext, with STARTTLS"
            yield f"master.cf: {service.name}/inet: {_WRAPPED}: it would begin {how}, which its clients do not"
