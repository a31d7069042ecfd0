"""A service of master.cf: its columns, what it runs with instead of main.cf's values, and what its sessions see."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.explain import sessions
from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation, Fact, Override, Session
from reconciler.explain.standing import of_option, of_service
from reconciler.live.config import LiveConfig, header
from reconciler.model.address import OptionAddress, ServiceAddress
from reconciler.postfix import endpoint
from reconciler.postfix.effective import auth_only_under_tls
from reconciler.postfix.master_cf import Service


def tell(asked: Asked, address: ServiceAddress) -> Explanation:
    """A listener, or another service."""
    live = asked.live
    standing = tuple(of_service(address.endpoint, address.type, live))
    service = live.service(address)
    facts = tuple(_facts(address, service))
    if service is None:
        return asked.answer(facts, standing, None, notes=("it does not exist on this host",))
    options = dict.fromkeys(option.name for option in service.options)
    overrides = (
        Override(OptionAddress(address, name), it)
        for name in options
        for it in of_option(service, name, live)
        if it.in_force
    )
    notes = [f"it stands {len(standing)} times; master(8) takes the last"] if len(standing) > 1 else []
    return asked.answer(
        facts,
        standing,
        header(service),
        overrides=tuple(overrides),
        sessions=tuple(_sessions(service, live)),
        notes=tuple(notes),
    )


def _facts(address: ServiceAddress, service: Service | None) -> Iterator[Fact]:
    port = endpoint.port_number(address.endpoint) if address.type == "inet" else None
    what = f"a listener on TCP port {port}" if port else f"a service of type {address.type}"
    yield Fact("type", what)
    if service is not None:
        yield Fact("command", service.command)
        yield Fact("columns", "private unprivileged chroot wakeup limit: " + " ".join(service.columns))
        if service.name != address.endpoint:
            yield Fact("spelled", service.name)
    section = {"submission": "submission", "submissions": "submissions"}.get(endpoint.split(address.endpoint)[1])
    yield Fact("declare", section or "not ours to declare: only the submission services are")
    yield Fact("source", "master(5)")


def _sessions(service: Service, live: LiveConfig) -> Iterator[Session]:
    view = live.view_of(service)
    sees = [sessions.level_of(service, view)]
    if service.command == "smtpd":
        if view.is_yes("smtpd_sasl_auth_enable"):
            sees.append("AUTH under TLS only" if auth_only_under_tls(view) else "AUTH in plaintext too")
        else:
            sees.append("no AUTH")
    yield Session(sessions.subject(service), ", ".join(sees))
