"""Parameters that take certain words: some programs end over another one, some go on without it and say nothing.

Source: postconf(5), the parameters named; `name_mask()` of Postfix's util/, which ends the program that reads the list.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress

from reconciler.canary import matching
from reconciler.postfix import access, endpoint, values
from reconciler.postfix.values import split_list

Check = Callable[[str], None]  # of a value that is not empty; raises ValueError

_TODAY = frozenset({"TLSv1.2", "TLSv1.3"})
_HEXADECIMAL = re.compile(r"[<>]=?0x0?30[0-4]")
_MILTER = re.compile(r"\{?\s*(inet|inet6|unix|local):.+", re.DOTALL)
_TABLE = re.compile(r"\w+:.+", re.DOTALL)
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\]|\[IPv6:[0-9A-Fa-f:.]+\]")
_USER_ID = re.compile(r"static:(?!\d+$)")


def check(name: str, value: str) -> None:
    """Raises ValueError where `value`, which is expanded, is nothing that Postfix takes for `name`."""
    for pattern, judge in _CHECKS:
        if pattern.fullmatch(name):
            judge(value)


def is_port(text: str) -> bool:
    """Whether it is a port of TCP, by number or by a name that this host knows."""
    if text.isdecimal():
        return 0 < int(text) < 1 << 16
    with suppress(OSError):
        return bool(socket.getservbyname(text, "tcp"))
    return endpoint.port_number(text) is not None


def _some_of(what: str, *known: str) -> Check:
    def judge(value: str) -> None:
        unknown = [word for word in split_list(value) if word.lower() not in known]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no {what}; write some of: {', '.join(known)}")

    return judge


def _each(pattern: re.Pattern[str], what: str) -> Check:
    def judge(value: str) -> None:
        unlike = [word for word in split_list(value) if not pattern.fullmatch(word)]
        if unlike:
            raise ValueError(f"{unlike[0]!r} is no {what}")

    return judge


def _no_null(value: str) -> None:
    if value.lower() == "null":
        raise ValueError("null is a session that anybody can read")


def _protocols(value: str) -> None:
    if _HEXADECIMAL.search(value):
        return
    values.check_some_protocol(value)
    if not values.enabled_protocols(value) & _TODAY:
        raise ValueError(f"{value!r} leaves no protocol that servers of today speak; let TLSv1.2 or TLSv1.3 in")


def _proxy(value: str) -> None:
    if value != "haproxy":
        raise ValueError(f"{value!r} is no protocol of proxies; write haproxy")


def _milter_action(value: str) -> None:
    _some_of("action", "accept", "reject", "tempfail", "quarantine", "shutdown")(value.split(maxsplit=1)[0])


def _rewriting(value: str) -> None:
    """Elements that name a table are for others to judge."""
    plain = " ".join(word for word in split_list(value) if ":" not in word and word.lower() != "check_address_map")
    _some_of(
        "such restriction",
        "permit_inet_interfaces",
        "permit_mynetworks",
        "permit_sasl_authenticated",
        "permit_tls_clientcerts",
        "permit_tls_all_clientcerts",
    )(plain)


def _port(value: str) -> None:
    if not is_port(value):
        raise ValueError(f"there is no port {value!r}")


def _action(value: str) -> None:
    words = value.replace(",", " ").split()
    if not access.is_action(words) or access.says_nothing(words):
        raise ValueError(f"{value!r} is no action of access(5), so clients are told of a server configuration error")


def _host(value: str) -> None:
    if not _HOST_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a host, and servers refuse who greets with it")


def _digests(value: str) -> None:
    """Of TLSA records, `sha256` or `sha256=1`."""
    _some_of("digest of TLSA records", *values.DIGESTS)(" ".join(it.partition("=")[0] for it in split_list(value)))


def _identity(value: str) -> None:
    if any(_USER_ID.match(word) for word in split_list(value)):
        raise ValueError(f"{value!r} is no number, so nothing is delivered")


_CHECKS: tuple[tuple[re.Pattern[str], Check], ...] = tuple(
    (re.compile(names), judge)
    for names, judge in (
        (r"(smtpd|smtp|lmtp)_tls_(mandatory_)?ciphers", _no_null),
        (r"(smtp|lmtp|tlsproxy_client)_tls_(mandatory_)?ciphers", values.check_grade),
        (r"(smtp|lmtp|tlsproxy_client)_tls_(mandatory_)?protocols", _protocols),
        (r"(smtp|lmtp)_tls_(verify|secure)_cert_match", lambda it: matching.check(split_list(it.replace(":", " ")))),
        (
            r"(smtp|lmtp|smtpd)_sasl_(tls_)?security_options",
            _some_of(
                "security option of SASL",
                "noplaintext",
                "noactive",
                "nodictionary",
                "noanonymous",
                "forward_secrecy",
                "mutual_auth",
            ),
        ),
        (r"(smtpd|postscreen)_upstream_proxy_protocol", _proxy),
        (r"(smtpd|non_smtpd)_milters", _each(_MILTER, "milter; write inet:host:port or unix:path")),
        (r"milter_default_action", _milter_action),
        (r"\w+_(maps|checks)", _each(_TABLE, "table; write type:name")),
        (r"virtual_[ug]id_maps", _identity),
        (r"local_header_rewrite_clients", _rewriting),
        (r"tls_dane_digests", _digests),
        (r"internal_mail_filter_classes", _some_of("class of internal mail", "bounce", "notify")),
        (r"smtpd_proxy_options", _some_of("option of a proxy filter", "speed_adjust")),
        (r"smtpd_policy_service_default_action", _action),
        (r"(smtp|lmtp)_tcp_port", _port),
        (r"smtp_helo_name|lmtp_lhlo_name", _host),
    )
)
