"""Where mail goes, as far as reading tells: a message for a place that is not there waits, and is returned days later.

Source: postconf(5), the parameters named; transport(5).
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.canary import words
from reconciler.live.config import LiveConfig
from reconciler.postfix import endpoint
from reconciler.postfix.effective import View
from reconciler.postfix.values import split_list

_TRANSPORTS = (
    *("default_transport", "relay_transport", "local_transport", "virtual_transport", "content_filter"),
    *("mailbox_transport", "fallback_transport"),  # whom local(8) hands mail to
)
_HOSTS = ("relayhost", "smtp_fallback_relay")
_PROBES = ("address_verify_relayhost",)  # relayhost where it is not said
_NOWHERE = re.compile(r"(?:static:)?(discard|error|retry)(:.*)?", re.DOTALL)
_RELAYHOST = re.compile(r"(\[[^\[\]\s]+\]|[^\[\]:\s]+)(?::([\w-]+))?")
_SERVICE = re.compile(r"(\w+)_service_name")
_OWN_NAMES = {"connection_cache": "scache", "queue": "qmgr", "address_verify": "verify"}
_EVERYBODY = (  # whom trust, or no login, is for
    "mynetworks",
    "smtpd_sasl_exceptions_networks",
    "smtpd_authorized_xclient_hosts",
    "smtpd_authorized_xforward_hosts",
)
_ADDRESS = re.compile(r"[0-9.]+(/\w+)?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(/\w+)?")
_WIDEST, _WIDEST_V6 = 8, 16  # bits
_ROUTED_V6 = ipaddress.IPv6Network("2000::/3")
_STARTTLS_PORTS = (25, 587)
_BOUND = ("smtp_bind_address", "smtp_bind_address6", "lmtp_bind_address", "lmtp_bind_address6")
_DOMAINS = ("mydestination", "relay_domains", "virtual_alias_domains", "virtual_mailbox_domains")
_MAILBOXES = {"local": "mailbox_size_limit", "virtual": "virtual_mailbox_limit"}


def faults(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    """Every fault of main.cf in where mail comes from and goes."""
    view = config.view
    services = {name for name, kind in config.master.by_key if kind != "inet"}
    usual_ones = services | {name for name, _ in live.master.by_key}
    yield from (f"main.cf: {text}" for text in _partners(view, view.defaults, services, usual_ones))
    for service in config.master.by_key.values():
        found = _partners(config.view_of(service), service.overrides, services, usual_ones)
        yield from (f"master.cf: {service.name}/{service.type}: {text}" for text in found)
    for name in (*_HOSTS, *(it for it in _PROBES if it in view.explicit)):
        yield from _places_to_go(name, view)
    yield from _lost(view)
    yield from _networks(view, "main.cf")
    for service in config.master.by_key.values():
        if service.overrides.keys() & set(_EVERYBODY):
            yield from _networks(config.view_of(service), f"master.cf: {service.name}/{service.type}")
    yield from _nowhere(view, live.view)
    yield from _sizes(view)
    yield from _places(view)
    yield from _mailboxes(view)


def _partners(view: View, names: Iterable[str], services: set[str], usual_ones: set[str]) -> Iterator[str]:
    """Transports, and services that others ask, that master.cf does not have."""
    for name in names:
        found = _SERVICE.fullmatch(name) if name != "postlog_service_name" else None  # see services
        usual = _OWN_NAMES.get(found[1], found[1]) if found else ""
        if usual in usual_ones and view.get(name) not in services:
            yield f"{name}: master.cf has no service {view.get(name)}"
        transport = view.get(name).partition(":")[0] if name in _TRANSPORTS else ""
        if transport and transport not in services:
            yield f"{name}: master.cf has no service {transport}"


def _lost(view: View) -> Iterator[str]:
    """Mail for everywhere else that goes nowhere, or is looked for where it is not."""
    for name in ("default_transport", "transport_maps"):
        found = _NOWHERE.fullmatch(view.get(name))
        if found:
            yield f"main.cf: {name}: {found[1]} delivers nothing, and all mail goes there"
    blind = view.get("smtp_dns_support_level").lower() == "disabled" or view.is_yes("disable_dns_lookups")
    if blind and not view.get("relayhost") and not view.get("transport_maps"):
        yield "main.cf: smtp asks no DNS, so without a relayhost it does not find where mail of a domain goes"


def _places_to_go(name: str, view: View) -> Iterator[str]:
    for text in split_list(view.get(name)):
        found = _RELAYHOST.fullmatch(text)
        if found is None or text.isdecimal():
            yield f"main.cf: {name}: {text!r} is no place; write [host]:port"
            continue
        if found[2] and not words.is_port(found[2]):
            yield f"main.cf: {name}: there is no port {found[2]}"
        port = endpoint.port_number(found[2] or "25")
        if name == "relayhost" and view.is_yes("smtp_tls_wrappermode") and port in _STARTTLS_PORTS:
            yield f"main.cf: smtp_tls_wrappermode: servers on port {port} do not speak TLS from the first byte"


def _networks(view: View, where: str) -> Iterator[str]:
    for name in _EVERYBODY:
        for word in split_list(view.get(name)):
            if word.startswith("static:"):
                yield f"{where}: {name}: {word} is everybody"
            text = word.removeprefix("!").replace("[", "").replace("]", "")
            if not _ADDRESS.fullmatch(text):
                continue  # a file, a table, a name
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                yield f"{where}: {name}: {word!r} is no network, which Postfix stops at ({error})"
                continue
            if _is_wide(network):
                yield f"{where}: {name}: {word} is everybody"


def _is_wide(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Wider than what one administrator may call his own; networks that are not routed are anybody's own."""
    if isinstance(network, ipaddress.IPv6Network):
        return network.prefixlen < _WIDEST_V6 and network.overlaps(_ROUTED_V6)
    return network.prefixlen < _WIDEST


def _nowhere(view: View, live: View) -> Iterator[str]:
    """Domains that mail was taken for, and none any more."""
    if any(view.get(name).strip() for name in _DOMAINS) or not live.get("mydestination").strip():
        return
    yield "main.cf: mydestination: no domain is left that mail is taken for"


def _sizes(view: View) -> Iterator[str]:
    """The agents that deliver end where a message may be larger than a mailbox."""
    used = set()
    if view.get("mydestination"):
        used.add(view.get("local_transport").partition(":")[0])
    if view.get("virtual_mailbox_domains"):
        used.add(view.get("virtual_transport").partition(":")[0])
    for name in sorted(used & _MAILBOXES.keys()):
        box, message = view.get(_MAILBOXES[name]), view.get("message_size_limit")
        if box.isdecimal() and message.isdecimal() and 0 < int(box) < max(int(message), 1):
            yield f"main.cf: {_MAILBOXES[name]}: {box} is less than message_size_limit, {message}: nothing is delivered"


def _places(view: View) -> Iterator[str]:
    """What only shows on the live paths: the canary has others."""
    pid = posixpath.join(view.get("queue_directory"), view.get("process_id_directory"))
    if view.explicit.get("process_id_directory") and not Path(pid).is_dir():
        yield f"main.cf: process_id_directory: there is no directory {pid}, so master(8) does not start again"
    exchange = posixpath.dirname(view.get("tls_random_exchange_name"))
    if exchange and exchange != view.get("data_directory") and not Path(exchange).is_dir():
        yield f"main.cf: tls_random_exchange_name: there is no directory {exchange}"
    if view.get("command_directory") and not Path(view.get("command_directory"), "postdrop").is_file():
        yield f"main.cf: command_directory: there is no {view.get('command_directory')}/postdrop"
    kind, _, source = view.get("tls_random_source").rpartition(":")
    if source and kind in ("", "dev", "egd") and not (source.startswith("/") and Path(source).exists()):
        yield f"main.cf: tls_random_source: there is no {source}, so no TLS session begins"
    for name in (it for it in _BOUND if view.get(it)):
        if _version(view.get(name)) != (6 if name.endswith("6") else 4):
            yield f"main.cf: {name}: {view.get(name)!r} is no such address, so no connection is made"
    if not view.get("shlib_directory").startswith("no") and not Path(view.get("shlib_directory")).is_dir():
        yield f"main.cf: shlib_directory: there is no directory {view.get('shlib_directory')}"
    log = view.get("maillog_file")
    prefixes = split_list(view.get("maillog_file_prefixes"))
    if log and log != "/dev/stdout" and not any(log.startswith(it) for it in prefixes):
        yield f"main.cf: maillog_file: {log} is below none of maillog_file_prefixes, so every program ends"
    elif log and not Path(log).parent.is_dir():
        yield f"main.cf: maillog_file: there is no directory {posixpath.dirname(log)}"


def _mailboxes(view: View) -> Iterator[str]:
    """What local(8) delivers with and to, where somebody has named it."""
    spool = view.get("mail_spool_directory") if "mail_spool_directory" in view.explicit else ""
    if spool and not Path(spool).is_dir():
        yield f"main.cf: mail_spool_directory: there is no directory {spool}, so nothing is delivered"
    agent = view.get("mailbox_command").partition(" ")[0]
    if agent.startswith("/") and not Path(agent).exists():
        yield f"main.cf: mailbox_command: there is no {agent}, so nothing is delivered"


def _version(text: str) -> int:
    """Of IP; 0 where it is no address."""
    with suppress(ValueError):
        return ipaddress.ip_address(text.strip("[]")).version
    return 0
