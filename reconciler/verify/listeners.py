"""The smtpd listeners of an instance, and what each of them shall do, as its configuration and the state say.

Source: master(5); postconf(5), inet_interfaces; postscreen(8), "TROUBLE SHOOTING" for who is let through.
"""

from __future__ import annotations

import ipaddress
import posixpath
from collections.abc import Iterator
from datetime import timedelta

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.model.desired import DesiredService, DesiredState
from reconciler.postfix import endpoint
from reconciler.postfix.effective import View, server_level
from reconciler.postfix.master_cf import Service
from reconciler.postfix.values import split_list

_LEGACY_CHAINS = ("smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file")
_V4, _V6 = "127.0.0.1", "::1"
_NO_PATIENCE = timedelta(0)
_GREETING_DELAY = timedelta(seconds=7)  # postscreen_greet_wait is 6 s
_LEVEL, _WRAPPED = "smtpd_tls_security_level", "smtpd_tls_wrappermode"
_FROM_WEAK = ("none", "may", "encrypt")
_AFTER_A_FILTER = frozenset({"content_filter", "smtpd_proxy_filter"})  # what takes mail back has to switch these off


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener: where to reach it, and what a session with it shall be.

    `level` is none, may or encrypt. `chains` are the absolute paths of the files whose certificates it serves. `ehlo`
    is the instance's own name, `recipient` an address it takes mail for. `closed` says why it cannot be probed from
    here. `delay` is how long its greeting may take on purpose.
    """

    address: str
    port: int
    level: str
    wrapped: bool
    sasl: bool
    chains: tuple[str, ...]
    ehlo: str
    recipient: str
    closed: str = ""
    delay: timedelta = _NO_PATIENCE

    @property
    def subject(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def is_submission(self) -> bool:
        """Whether it serves authenticated clients under TLS only, as 587 and 465 do."""
        return self.level == "encrypt" and self.sasl and self.port != 25


def of(live: LiveConfig, desired: DesiredState | None = None) -> tuple[Listener, ...]:
    """Every smtpd, and every postscreen, that listens on TCP.

    With `desired`, what it enforces counts before what the host says: that is what the listener shall do. A security
    level that it enforces is the least for every listener, whatever `-o` says there, but for those it declares itself
    and for those on loopback that take mail back from a content filter.
    """
    return tuple(_listener(live, service, desired) for service in live.master.by_key.values() if _speaks_smtp(service))


def missing(live: LiveConfig, desired: DesiredState) -> tuple[DesiredService, ...]:
    """The services that the state enforces and the host lacks."""
    return tuple(
        service
        for service in desired.services
        if service.enabled and service.part in desired.enforced and not live.master.get(service.name, "inet")
    )


def wanted(live: LiveConfig, desired: DesiredState | None, service: Service | None = None) -> View:
    """The parameters as they shall be: of one service, or of main.cf."""
    explicit = dict(live.view.explicit)
    overrides = dict(service.overrides) if service else {}
    if desired is not None:
        explicit |= {it.name: it.value for it in desired.parameters if it.part in desired.enforced}
        for declared in desired.services:
            same = service is not None and (endpoint.canonical(declared.name), "inet") == service.key
            if same and declared.enabled and declared.part in desired.enforced:
                overrides |= {it.name: it.value for it in declared.options}
    return View(explicit, live.view.defaults, overrides)


def recipient(view: View) -> str:
    """An address the host takes mail for without relaying: postmaster at the first name of mydestination.

    Where mydestination names only tables: postmaster without a domain, which every host takes (RFC 5321, 4.5.1).
    """
    names = (name for name in split_list(view.get("mydestination")) if ":" not in name and "/" not in name)
    domain = next((name for name in names if not name.startswith("!") and name != "localhost"), "")
    return f"postmaster@{domain}" if domain else "postmaster"


def chains(live: LiveConfig, view: View) -> tuple[str, ...]:
    """The files that an smtpd takes its certificates from; where chain files are named, the older ones do not count."""
    named = split_list(view.get("smtpd_tls_chain_files"))
    if not named:
        values = (view.get(name) for name in _LEGACY_CHAINS)
        named = tuple(value for value in values if value and value.lower() != "none")
    return tuple(dict.fromkeys(live.path(path) for path in named))


def _speaks_smtp(service: Service) -> bool:
    return service.type == "inet" and posixpath.basename(service.command) in ("smtpd", "postscreen")


def _listener(live: LiveConfig, service: Service, desired: DesiredState | None) -> Listener:
    is_screen = posixpath.basename(service.command) == "postscreen"
    behind = live.master.get("smtpd", "pass") if is_screen else None
    view = wanted(live, desired, service)
    session = wanted(live, desired, behind) if behind else view  # whom postscreen lets through, such as loopback
    address, closed = _address(service, view)
    port = endpoint.port_number(service.name)
    least = _least(live, service, desired)
    if least and port == 25:  # an MX speaks STARTTLS: RFC 8314 gives TLS on connect to other ports
        session = session.with_overrides({it: value for it, value in session.overrides.items() if it != _WRAPPED})
    proxy = view.get("postscreen_upstream_proxy_protocol" if is_screen else "smtpd_upstream_proxy_protocol")
    if proxy:
        closed = f"it expects {proxy} connections from a proxy"
    if port is None:
        closed = f"{service.name!r} names no port that is known here"
    return Listener(
        address=address,
        port=port or 0,
        level=max(server_level(session), least or _FROM_WEAK[0], key=_FROM_WEAK.index),
        wrapped=session.is_yes(_WRAPPED),
        sasl=session.is_yes("smtpd_sasl_auth_enable"),
        chains=chains(live, session),
        ehlo=view.get("myhostname") or "localhost",
        recipient=recipient(view),
        closed=closed,
        delay=_GREETING_DELAY if is_screen else _NO_PATIENCE,
    )


def _least(live: LiveConfig, service: Service, desired: DesiredState | None) -> str:
    """The level that the state enforces on main.cf, where it holds for this listener; empty where none does."""
    if desired is None or not any(it.name == _LEVEL and it.part in desired.enforced for it in desired.parameters):
        return ""
    is_declared = any((endpoint.canonical(it.name), "inet") == service.key for it in desired.services)
    takes_back = _is_loopback(endpoint.split(service.name)[0]) and _AFTER_A_FILTER & service.overrides.keys()
    return "" if is_declared or takes_back else server_level(wanted(live, desired))


def _address(service: Service, view: View) -> tuple[str, str]:
    """Where to connect to, and why that is impossible, if it is."""
    host = endpoint.split(service.name)[0]
    for name in (host,) if host else _interfaces(view):
        if name in ("all", "loopback-only", "0.0.0.0", "localhost", "*"):  # noqa: S104 - compared, not bound
            return (_V4 if _has_ipv4(view) else _V6), ""
        if name == "::":
            return _V6, ""
        if _is_address(name):
            return name.strip("[]"), ""
    return host or _V4, "" if host else "inet_interfaces names no address"


def _interfaces(view: View) -> Iterator[str]:
    """The loopback names first, then literal addresses, then host names."""
    names = split_list(view.get("inet_interfaces"))
    order = sorted(names, key=lambda name: (not _is_loopback(name), not _is_address(name)))
    yield from (name.lower() for name in order)


def _is_loopback(name: str) -> bool:
    if _is_address(name):
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    return name.lower() in ("all", "loopback-only", "localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _has_ipv4(view: View) -> bool:
    protocols = split_list(view.get("inet_protocols"))
    return not protocols or bool({"all", "ipv4"} & {protocol.lower() for protocol in protocols})
