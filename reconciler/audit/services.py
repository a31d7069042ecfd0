"""Services and their options: what defeats main.cf, what repeats it, what does nothing, ports that speak another way.

Source: master(5); postconf(5), smtpd_tls_wrappermode; RFC 8314; tlsmgr(8) owns the session caches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.audit import remedy
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Running, Said, Scene, service_address
from reconciler.model.finding import Finding, Fix
from reconciler.postfix import endpoint, scope
from reconciler.postfix.effective import View, client_level, server_level
from reconciler.postfix.values import CLIENT_LEVELS, SERVER_LEVELS

_CACHES = tuple(f"{side}_tls_session_cache_database" for side in ("smtpd", "smtp", "lmtp"))
_PLAIN_FIRST = (25, 587)
_STRENGTHS: Final = {"none": 0, "may": 1, "dane": 2, "encrypt": 3, "verify": 4}  # what is not here is stronger
_STRONGEST = 5
_MANDATORY = 3
_SUBMISSIONS = ("submission", "submissions")


def check(scene: Scene) -> Iterator[Finding]:
    for service in scene.services:
        running = scene.running(service)
        for name in service.overrides:
            if scope.in_scope(name):
                yield from _option(scene, name, running)
    ports = [found for listener in scene.listeners for found in _port(scene, listener)]
    yield from {found.address: found for found in reversed(ports)}.values()
    for client in scene.clients:
        yield from _client_wrapper(scene, client)
    yield from _unasked(scene)


def _option(scene: Scene, name: str, running: Running) -> Iterator[Finding]:
    service, said = running.service, scene.said(name, running)
    if service is None:
        return
    if name in _CACHES and service.command != "tlsmgr":
        why = "tlsmgr(8) owns the session caches, and it reads main.cf only"
        fix = remedy.parameter(name, running.view.get(name), "remove the option; in main.cf it has an effect")
        yield said.finding("session_cache_option", why, fix if running.view.get(name) else by_hand("remove the option"))
    elif _is_weaker(name, running, scene):
        standing = scene.said(name)
        why = "the service protects less than main.cf says for all"
        fix = _without(name, said)
        yield said.finding("option_weakens_main", why, fix, f"{said.text}; {standing.text}")
    elif service.key[0] not in _SUBMISSIONS and name in scene.live.explicit and _repeats(scene, name, running):
        why = "main.cf says the same; the option only matters where that changes"
        yield said.finding("option_repeats_main", why, by_hand("remove the option, or keep it to be explicit"))


def _without(name: str, said: Said) -> Fix:
    return by_hand(f"remove {said.text.partition('=')[0]}, so that {name} of main.cf counts")


def _repeats(scene: Scene, name: str, running: Running) -> bool:
    own, common = running.view.raw(name) or "", scene.live.explicit[name]
    return "$" not in own + common and running.view.same(name, own, common)


def _is_weaker(name: str, running: Running, scene: Scene) -> bool:
    """Levels, of services that others reach or that mail leaves through."""
    main = scene.live.view
    if name == "smtpd_tls_security_level" and running.service in [it.service for it in scene.listeners]:
        return SERVER_LEVELS.index(server_level(running.view)) < SERVER_LEVELS.index(server_level(main))
    if name == "smtp_tls_security_level" and running.service in [it.service for it in scene.clients]:
        return _strength(running.view) < _strength(main)
    return False


def _strength(view: View) -> int:
    level = client_level(view)
    return _STRENGTHS.get(level, _STRONGEST) if level in CLIENT_LEVELS else 0


def _port(scene: Scene, listener: Running) -> Iterator[Finding]:
    service = listener.service
    port = endpoint.port_number(service.name) if service and service.type == "inet" else None
    if service is None or port is None:
        return
    wrapped = listener.view.is_yes("smtpd_tls_wrappermode")
    said = scene.said("smtpd_tls_wrappermode", listener)
    if wrapped and port in _PLAIN_FIRST:
        why = f"on port {port} clients begin in plaintext: no mail gets through"
        fix = by_hand("remove it here; clients that begin with TLS use port 465")
        yield said.finding("wrappermode_port", why, fix, f"{service.name}: {said.text}")
    elif not wrapped and endpoint.canonical(service.name).rpartition(":")[2] == "submissions":
        why = "on port 465 clients begin with TLS: they cannot connect"
        fix = by_hand("add -o smtpd_tls_wrappermode=yes to the service")
        found = Said(service_address(service), scene.said_service(service).position, said.text)
        yield found.finding("submissions_without_wrappermode", why, fix, f"{service.name}: {said.text}")


def _client_wrapper(scene: Scene, client: Running) -> Iterator[Finding]:
    view = client.view
    if not view.is_yes("smtp_tls_wrappermode") or view.get("smtp_tls_policy_maps"):
        return
    if _strength(view) < _MANDATORY:
        said = scene.said("smtp_tls_wrappermode", client)
        why = "it requires encrypt or stronger; without, every mail is deferred"
        fix = remedy.parameter("smtp_tls_security_level", "encrypt")
        level = scene.said("smtp_tls_security_level", client).text
        yield said.finding("client_wrappermode_without_tls", why, fix, f"{said.text}; {level}")


def _unasked(scene: Scene) -> Iterator[Finding]:
    """Restrictions that look at a client's certificate, where none is asked for."""
    asked = any(
        listener.view.is_yes(name)
        for listener in map(scene.running, scene.services)
        for name in ("smtpd_tls_ask_ccert", "smtpd_tls_req_ccert")
    )
    for name, value in scene.live.explicit.items():
        if not name.startswith("smtpd_") or not name.endswith("_restrictions") or asked:
            continue
        words = [it for it in value.lower().replace(",", " ").split() if it.startswith("permit_tls_")]
        if words:
            why = "no client is asked for its certificate, so that it never permits anybody"
            fix = remedy.parameter("smtpd_tls_ask_ccert", "yes")
            yield scene.said(name).finding("client_certificates_never_asked", why, fix, f"{words[0]} in {name}")
