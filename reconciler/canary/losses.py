"""What a candidate takes away and its plan does not say: a listener, the TLS of one, or the last that takes mail in.

What the plan says was judged by the guards before; that no listener is left for other servers it never says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from reconciler.canary.lists import LISTS
from reconciler.live.config import LiveConfig
from reconciler.model.address import Address, OptionAddress, ParameterAddress, ServiceAddress
from reconciler.postfix import endpoint
from reconciler.postfix.effective import View, server_level
from reconciler.postfix.master_cf import Service
from reconciler.postfix.restrictions import elements
from reconciler.postfix.values import SERVER_LEVELS, split_list

_LEVELS = frozenset(
    {
        "smtpd_tls_security_level",
        "smtpd_use_tls",
        "smtpd_enforce_tls",
        "smtpd_tls_wrappermode",
        "master_service_disable",
    }
)
_LISTENING = frozenset({"smtpd", "postscreen"})
_FOR_USERS = (465, 587)


def faults(config: LiveConfig, live: LiveConfig, planned: frozenset[Address]) -> Iterator[str]:
    """One for each listener of the live configuration that is gone, or asks less of its clients; and what is closed."""
    yield from _closed(config, live)
    known = config.view.defaults.keys() - _LEVELS  # a level may be taken from a name of the administrator's own
    if any(isinstance(it, ParameterAddress) and it.name not in known for it in planned):
        return
    own = {it.service if isinstance(it, OptionAddress) else it for it in planned}
    after = _listeners(config)
    for name, service in _listeners(live).items():
        if ServiceAddress(name) in own:
            continue
        now = after.get(name) or _on_the_same_port(name, after)
        if now is None:
            yield f"master.cf: {service.name}/inet would be gone, and the plan does not say so"
        elif posixpath.basename(now.command) == posixpath.basename(service.command):
            one, other = server_level(live.view_of(service)), server_level(config.view_of(now))
            if SERVER_LEVELS.index(other) < SERVER_LEVELS.index(one):
                what = f"its level would go from {one} to {other}, and the plan does not say so"
                yield f"master.cf: {service.name}/inet: {what}"


def _listeners(config: LiveConfig) -> dict[str, Service]:
    """Those that smtpd(8) or postscreen(8) is behind, by their canonical endpoint; without those that are disabled."""
    disabled = set(split_list(config.view.get("master_service_disable")))
    return {
        endpoint.canonical(service.name): service
        for service in config.master.by_key.values()
        if service.type == "inet"
        and posixpath.basename(service.command) in _LISTENING
        and not disabled & {"inet", f"{service.name}.inet", f"{service.name}/inet"}
    }


def _closed(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    """Where other servers could deliver, and only users can now."""
    before, after = _open(live), _open(config)
    if before and not after and not all(endpoint.port_number(name) in _FOR_USERS for name in before):
        yield f"master.cf: {', '.join(sorted(before))}: no listener is left that takes mail without a login"


def _open(config: LiveConfig) -> set[str]:
    return {name for name, it in _listeners(config).items() if not _demands_login(config.view_of(it))}


def _demands_login(view: View) -> bool:
    for name in LISTS:
        words = [it.text.lower() for it in elements(view.get(name), with_arguments=True)]
        if words[:1] == ["permit_sasl_authenticated"] and words[1:2] in (["reject"], ["defer"]):
            return True
    return False


def _on_the_same_port(name: str, listeners: dict[str, Service]) -> Service | None:
    port = endpoint.split(name)[1]
    return next((it for other, it in listeners.items() if endpoint.split(other)[1] == port), None)
