"""What a candidate takes away and its plan does not say: a listener, or the TLS of one.

What the plan says was judged by the guards before.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from reconciler.live.config import LiveConfig
from reconciler.model.address import Address, OptionAddress, ParameterAddress, ServiceAddress
from reconciler.postfix import endpoint
from reconciler.postfix.effective import server_level
from reconciler.postfix.master_cf import Service
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


def faults(config: LiveConfig, live: LiveConfig, planned: frozenset[Address]) -> Iterator[str]:
    """One for each listener of the live configuration that is gone, or asks less of its clients."""
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


def _on_the_same_port(name: str, listeners: dict[str, Service]) -> Service | None:
    port = endpoint.split(name)[1]
    return next((it for other, it in listeners.items() if endpoint.split(other)[1] == port), None)
