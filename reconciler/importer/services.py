"""The submission services, where one stands that is to the letter what declaring it would make.

Also said here: options about TLS of services that a host file cannot declare.
"""

from __future__ import annotations

from reconciler.desired.parameters import OF_SERVICE
from reconciler.errors import StateInvalid
from reconciler.importer.draft import Draft, complaint, declared, differing
from reconciler.importer.emit import Value
from reconciler.live.config import LiveConfig
from reconciler.model.address import OptionAddress, ServiceAddress
from reconciler.model.desired import DesiredState, Part
from reconciler.postfix import endpoint, scope
from reconciler.postfix.master_cf import Service

_PARTS = (Part.SUBMISSION.value, Part.SUBMISSIONS.value)
_KEYS = {"smtpd_tls_mandatory_protocols": "protocols", "smtpd_tls_mandatory_ciphers": "ciphers"}


def take(draft: Draft) -> None:
    """Declare what can be, and say of every other service what of it is about TLS."""
    taken: set[ServiceAddress] = set()
    for part in _PARTS:
        for address, service in _listeners(draft.live, part):
            reason = draft.without.get(address) or _try(draft, part, service)
            if reason:
                draft.leave(address, reason, part)
            taken.add(address)
    for service in draft.live.master.by_key.values():
        address = ServiceAddress(*service.key)
        for name in service.overrides if address not in taken else ():
            if scope.in_scope(name):
                reason = "an option of a service that a host file does not declare; it stays as it is"
                draft.leave(OptionAddress(address, name), reason, "parameters")


def _listeners(live: LiveConfig, part: str) -> list[tuple[ServiceAddress, Service]]:
    """The services on a part's port, whatever the address in front of it."""
    services = [it for it in live.master.by_key.values() if it.type == "inet"]
    return [(ServiceAddress(*it.key), it) for it in services if endpoint.split(it.key[0])[1] == part]


def _try(draft: Draft, part: str, service: Service) -> str:
    """Declare the service; gives why not, where declaring it would change it."""
    if part in draft.keys:
        return f"one service can be declared as {part}, and another one is"
    if service.command != "smtpd":
        return f"it runs {service.command}, and a host file declares smtpd services only"
    section = _section(part, service, draft.live)
    try:
        state = declared({part: section})
    except StateInvalid as invalid:
        return f"it is not what a host file can declare ({complaint(invalid, ())})"
    changed = differing(state, draft.live)
    if changed:
        options = ", ".join(f"{it.name}={value}" for it, value in changed if isinstance(it, OptionAddress))
        return f"declaring '{part}:' would change it, setting {options}"
    more = _beyond(state, service, draft.live)
    if more:
        return f"it also sets {', '.join(more)}, which '{part}:' cannot say"
    draft.section(part).update(section)
    return ""


def _beyond(state: DesiredState, service: Service, live: LiveConfig) -> list[str]:
    """Options about TLS that the service has and the declaration would not have."""
    said = {it.name for it in state.services[0].options}
    own = ((name, value) for name, value in service.overrides.items() if scope.in_scope(name) and name not in said)
    return [name for name, value in own if not live.view.same(name, live.view.raw(name) or "", value)]


def _section(part: str, service: Service, live: LiveConfig) -> dict[str, Value]:
    view = live.view_of(service)
    section: dict[str, Value] = {}
    if service.key[0] != part:
        section["listen"] = service.name
    sasl: dict[str, Value] = {"type": view.get("smtpd_sasl_type"), "path": view.get("smtpd_sasl_path")}
    options = " ".join(view.get("smtpd_sasl_security_options").split())
    if options != "noanonymous":
        sasl["security_options"] = options
    if "smtpd_sasl_local_domain" in service.overrides:
        sasl["local_domain"] = service.overrides["smtpd_sasl_local_domain"]
    section["sasl"] = sasl
    section |= {key: service.overrides[name] for name, key in _KEYS.items() if name in service.overrides}
    return section | _others(part, section, service, live)


def _others(part: str, section: dict[str, Value], service: Service, live: LiveConfig) -> dict[str, Value]:
    """The options about TLS that the service has beside those of its own keys."""
    kept: dict[str, Value] = {}
    for name, value in service.overrides.items():
        if name in OF_SERVICE or not scope.in_scope(name) or name not in live.defaults:
            continue
        try:
            changed = differing(declared({part: {**section, "parameters": {name: value}}}), live)
        except (StateInvalid, ValueError):
            continue
        if OptionAddress(ServiceAddress(*service.key), name) not in dict(changed):
            kept[name] = value
    return {"parameters": kept} if kept else {}
