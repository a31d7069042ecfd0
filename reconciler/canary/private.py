"""A configuration made private: its own queue, data, log and ports; no milter, no policy service, no way out.

Whatever of the candidate is about TLS stays as it is.

Source: postconf(5); master(5).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterable, Iterator, Mapping

from reconciler.frozen import dataclass
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
    "smtp_fallback_relay",
    "lmtp_fallback_relay",
    "smtp_generic_maps",
    "postscreen_dnsbl_sites",
    "notify_classes",
    "debugger_command",
    "smtpd_upstream_proxy_protocol",
    "postscreen_upstream_proxy_protocol",
)
_LIMITS = re.compile(r"smtpd_client_\w+_limit")
_ASKS_OTHERS = re.compile(
    r"(check_policy_service|reject_rbl_client|reject_rhsbl_\w+|permit_dnswl_client|permit_rhswl_client) "
)
_EXTERNAL = re.compile(r"(?<![\w./-])(?:proxy:)?(mysql|pgsql|ldap|tcp|socketmap|memcache|nis|nisplus|hesiod):[^\s,{}]+")
_CACHES = re.compile(r"(\w+_tls_session_cache_database|address_verify_map|postscreen_cache_map)")
_POSTLOG = "postlog unix-dgram n - n - 1 postlogd\n"
_INJECTION = (  # where the probe's messages come in, whatever is asked of a client: they try main.cf's lists for DATA
    "inet n - n - - smtpd -o smtpd_tls_security_level=none -o smtpd_tls_wrappermode=no "
    "-o smtpd_sasl_auth_enable=no -o smtpd_delay_reject=yes -o mynetworks_style=host "
    "-o { mynetworks = 127.0.0.0/8 [::1]/128 } -o smtpd_client_restrictions= -o smtpd_helo_restrictions= "
    "-o smtpd_sender_restrictions= "
    "-o { smtpd_relay_restrictions = permit_mynetworks, reject } "
    "-o { smtpd_recipient_restrictions = permit_mynetworks, reject } -o smtpd_reject_unlisted_recipient=no "
    "-o smtpd_reject_unlisted_sender=no -o smtpd_helo_required=no\n"
)
_ABSENCES = {
    "smtpd_milters": "milters",
    "non_smtpd_milters": "milters",
    "content_filter": "content filters",
    "smtpd_proxy_filter": "content filters",
    "smtpd_upstream_proxy_protocol": "proxies in front of it",
    "postscreen_upstream_proxy_protocol": "proxies in front of it",
}
NOWHERE = "sink.invalid"  # RFC 2606: no such host will ever be
_CLIENTS = ("smtp", "lmtp")


@dataclass(frozen=True, slots=True)
class Private:
    """The two files, and what is off in them. `ports` gives each inet service its private port.

    `clients` are the services that mail leaves through, by the domain whose mail they get here; `transports` is the
    table that says so. `injection` is the port where that mail comes in.
    """

    main: bytes
    master: bytes
    parameters: Mapping[str, str]
    ports: Mapping[str, int]
    left_out: tuple[str, ...]
    clients: Mapping[str, Service]
    transports: str
    injection: int


@dataclass(frozen=True, slots=True)
class Place:
    """`root` holds everything of the instance; it listens on `address`, and mail to anywhere goes to port `sink`."""

    root: str
    address: str
    sink: int

    @property
    def host(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def nothing(self) -> str:
        """A table without a row, in the place of those that others answer."""
        return f"{self.root}/etc/canary-nothing"

    @property
    def transports(self) -> str:
        return f"{self.root}/etc/canary-transports"


def made_private(main: bytes, master: bytes, place: Place, *, ports: Mapping[str, int], injection: int) -> Private:
    """Inet services listen on their port of `ports`."""
    document, services = main_cf.parse(main), master_cf.parse(master).by_key.values()
    parameters = _parameters(place)
    for raw, value in document.parameters.items():
        name, text = _text(raw), _text(value)
        kept = _private_value(name, text, place)
        if kept != text:
            document = document.set(raw, _bytes(kept))
    for name, text in parameters.items():
        document = document.set(name.encode(), _bytes(text))
    clients = {f"s{at}.{NOWHERE}": it for at, it in enumerate(_clients(services))}
    lines = [_line(service, place, ports, parameters) for service in services]
    if not any(service.key == ("postlog", "unix-dgram") for service in services):
        lines.append(_POSTLOG)
    lines.append(f"{place.host}:{injection} {_INJECTION}")
    routes = {domain: service.name for domain, service in clients.items()} | {"*": "smtp"}
    return Private(
        document.render(),
        _bytes("".join(lines)),
        parameters,
        ports,
        _left_out(main_cf.parse(main), services),
        clients,
        "".join(f"{domain} {name}:[{place.address}]:{place.sink}\n" for domain, name in routes.items()),
        injection,
    )


def inet_services(master: bytes) -> tuple[str, ...]:
    """The first columns of the services that listen on TCP."""
    return tuple(service.name for service in master_cf.parse(master).by_key.values() if service.type == "inet")


def _parameters(place: Place) -> dict[str, str]:
    """No mail is delivered, whatever it is addressed to: transport_maps comes before everything else."""
    return {
        **dict.fromkeys(_EMPTY, ""),
        "queue_directory": f"{place.root}/queue",
        "data_directory": f"{place.root}/data",
        "process_id_directory": "pid",
        "maillog_file": f"{place.root}/log/mail.log",
        "maillog_file_prefixes": f"{place.root}/log",
        "syslog_name": "canary",
        "tls_random_exchange_name": f"{place.root}/data/prng_exch",
        "multi_instance_enable": "no",
        "transport_maps": f"texthash:{place.transports}",
        "smtp_bind_address": "127.0.0.1",  # even so no connection leaves loopback
        "smtp_bind_address6": "::1",
        "lmtp_bind_address": "127.0.0.1",
        "lmtp_bind_address6": "::1",
        "mynetworks": "192.0.2.255/32",  # RFC 5737: who probes is a stranger
        "in_flow_delay": "0s",  # a pause of a second before the first message
        "smtpd_peername_lookup": "no",
        "smtpd_client_event_limit_exceptions": "127.0.0.0/8 [::1]/128",
        "smtpd_error_sleep_time": "0s",  # what probes are refused is meant so
        "smtpd_soft_error_limit": "100",
        "smtpd_hard_error_limit": "100",
        "postscreen_greet_wait": "1s",
        "postscreen_access_list": "static:permit",
        "smtpd_client_connection_rate_limit": "0",
        "smtpd_client_connection_count_limit": "0",
    }


def _clients(services: Iterable[Service]) -> Iterator[Service]:
    """The unix services that run smtp(8), the usual one first; those that run alike only once."""
    seen = set()
    found = [it for it in services if it.type == "unix" and posixpath.basename(it.command) in _CLIENTS]
    for service in sorted(found, key=lambda it: it.name != "smtp"):
        own = {name: value for name, value in service.overrides.items() if name != "syslog_name"}
        alike = (service.command, service.columns, tuple(sorted(own.items())))
        if alike not in seen:
            seen.add(alike)
            yield service


def _line(service: Service, place: Place, ports: Mapping[str, int], away: Container[str]) -> str:
    name = f"{place.host}:{ports[service.name]}" if service.type == "inet" else service.name
    words = [name, service.type, *service.columns, service.command, *service.other_arguments]
    for option, value in service.overrides.items():
        if option not in away and not _LIMITS.fullmatch(option):
            kept = _private_value(option, value, place)
            words.append(f"-o {{ {option} = {kept} }}" if kept else f"-o {option}=")
    return " ".join(words) + "\n"


def _private_value(name: str, text: str, place: Place) -> str:
    """Caches of its own, and nothing that others answer; all else as it is."""
    if _CACHES.fullmatch(name):
        return re.sub(r"(\w+):\S+$", rf"\1:{place.root}/data/{name}", text)
    text = _EXTERNAL.sub(f"texthash:{place.nothing}", text)
    return _trimmed(text, place) if _is_list(name, text) else text


def _is_list(name: str, text: str) -> bool:
    """Also restriction classes, and lists under names of the administrator's own."""
    return restrictions.is_restriction_list(name) or bool(_ASKS_OTHERS.search(text.lower()))


def _trimmed(text: str, place: Place) -> str:
    """A restriction list without policy services and block lists; the text itself where it has none.

    What is left of nothing is a table without a row: a restriction class has to have a definition.
    """
    listed = restrictions.elements(text, with_arguments=True)
    kept = [it.text for it in listed if not _asks_others(it.text)]
    if len(kept) == len(listed):
        return text
    return ", ".join(kept) or f"check_client_access texthash:{place.nothing}"


def _asks_others(element: str) -> bool:
    return bool(_ASKS_OTHERS.match(element.lower().removeprefix("warn_if_reject ")))


def _left_out(document: MainCf, services: Iterable[Service]) -> tuple[str, ...]:
    said = [(_text(name), _text(value)) for name, value in document.parameters.items()]
    said += [pair for service in services for pair in service.overrides.items()]
    found = [_ABSENCES[name] for name, value in said if value and name in _ABSENCES]
    for name, value in said:
        found += [f"{kind} tables" for kind in _EXTERNAL.findall(value)]
        if _is_list(name, value):
            asked = {it.text.split()[0].lower() for it in restrictions.elements(value, with_arguments=True)}
            found += ["policy services"] if "check_policy_service" in asked else []
            found += ["DNS block lists"] if any("rbl" in it or "rhsbl" in it for it in asked) else []
    return tuple(f"{word} are off in the canary" for word in dict.fromkeys(found))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
