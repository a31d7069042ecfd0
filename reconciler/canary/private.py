"""A configuration made private: its own queue, data, log and ports; no milter, no policy service, no way out.

Whatever of the candidate is about TLS stays as it is.

Source: postconf(5); master(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.postfix import main_cf, master_cf, restrictions
from reconciler.postfix.main_cf import MainCf
from reconciler.postfix.master_cf import Service

_EMPTY = (  # what would talk to somebody else, or start more than this instance
    "multi_instance_directories",
    "multi_instance_wrapper",
    "multi_instance_name",
    "multi_instance_group",
    "smtpd_milters",
    "non_smtpd_milters",
    "content_filter",
    "smtpd_proxy_filter",
    "always_bcc",
    "sender_bcc_maps",
    "recipient_bcc_maps",
    "transport_maps",
    "relayhost",
    "sender_dependent_relayhost_maps",
    "sender_dependent_default_transport_maps",
    "smtp_fallback_relay",
    "smtp_bind_address",
    "smtp_bind_address6",
    "postscreen_dnsbl_sites",
    "notify_classes",
)
_AWAY = frozenset({*_EMPTY, "smtp_helo_name", "queue_directory", "data_directory", "maillog_file", "syslog_name"})
_LIMITS = re.compile(r"smtpd_client_\w+_limit")
_POLICY_SERVICE = "check_policy_service "
_POSTLOG = "postlog unix-dgram n - n - 1 postlogd\n"
_ABSENCES = {
    "smtpd_milters": "milters",
    "non_smtpd_milters": "milters",
    "content_filter": "content filters",
    "smtpd_proxy_filter": "content filters",
}


@dataclass(frozen=True, slots=True)
class Private:
    """The two files, and what is off in them. `ports` gives each inet service its private port."""

    main: bytes
    master: bytes
    parameters: Mapping[str, str]
    ports: Mapping[str, int]
    left_out: tuple[str, ...]


def made_private(
    main: bytes, master: bytes, *, root: str, address: str, ports: Mapping[str, int], sink: int
) -> Private:
    """`root` holds everything of the instance; inet services listen on `address` and their port of `ports`.

    Mail to anywhere goes to `sink`, a port of `address`.
    """
    document, services = main_cf.parse(main), master_cf.parse(master)
    parameters = {
        **dict.fromkeys(_EMPTY, ""),
        "queue_directory": f"{root}/queue",
        "data_directory": f"{root}/data",
        "maillog_file": f"{root}/log/mail.log",
        "maillog_file_prefixes": f"{root}/log",
        "syslog_name": "canary",
        "inet_interfaces": "loopback-only",
        "default_transport": f"smtp:[{address}]:{sink}",
        "relay_transport": f"smtp:[{address}]:{sink}",
        "multi_instance_enable": "no",
        "postscreen_greet_wait": "1s",
        "smtp_connect_timeout": "5s",
        "smtpd_client_connection_rate_limit": "0",
        "smtpd_client_connection_count_limit": "0",
    }
    lists = dict(_without_policy_services(document))
    for name, value in {**parameters, **lists}.items():
        document = document.set(name.encode(), value.encode("utf-8", "surrogateescape"))
    lines = [_line(service, address, ports) for service in services.by_key.values()]
    if ("postlog", "unix-dgram") not in services.by_key:
        lines.append(_POSTLOG)
    off = _left_out(main_cf.parse(main), services.by_key.values(), policies=bool(lists))
    return Private(document.render(), "".join(lines).encode("utf-8", "surrogateescape"), parameters, ports, off)


def inet_services(master: bytes) -> tuple[str, ...]:
    """The first columns of the services that listen on TCP."""
    return tuple(service.name for service in master_cf.parse(master).by_key.values() if service.type == "inet")


def _line(service: Service, address: str, ports: Mapping[str, int]) -> str:
    host = f"[{address}]" if ":" in address else address
    name = f"{host}:{ports[service.name]}" if service.type == "inet" else service.name
    words = [name, service.type, *service.columns, service.command, *service.other_arguments]
    for option, value in service.overrides.items():
        if option in _AWAY or _LIMITS.fullmatch(option):
            continue
        kept = _trimmed(value) if restrictions.is_restriction_list(option) else value
        words.append(f"-o {{ {option} = {kept} }}" if kept else f"-o {option}=")
    return " ".join(words) + "\n"


def _without_policy_services(document: MainCf) -> Iterator[tuple[str, str]]:
    for raw, value in document.parameters.items():
        name, text = raw.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")
        if restrictions.is_restriction_list(name) and (trimmed := _trimmed(text)) != text:
            yield name, trimmed


def _trimmed(text: str) -> str:
    """A restriction list without policy services; the text itself where it has none."""
    listed = restrictions.elements(text, with_arguments=True)
    kept = [it.text for it in listed if not it.text.lower().startswith(_POLICY_SERVICE)]
    return text if len(kept) == len(listed) else ", ".join(kept)


def _left_out(document: MainCf, services: Iterable[Service], *, policies: bool) -> tuple[str, ...]:
    set_somewhere = {name.decode("utf-8", "surrogateescape") for name, value in document.parameters.items() if value}
    for service in services:
        set_somewhere |= {name for name, value in service.overrides.items() if value}
        policies = policies or any(
            restrictions.is_restriction_list(name) and _trimmed(value) != value
            for name, value in service.overrides.items()
        )
    found = [word for name, word in _ABSENCES.items() if name in set_somewhere]
    found += ["policy services"] if policies else []
    return tuple(f"{word} are off in the canary" for word in dict.fromkeys(found))
