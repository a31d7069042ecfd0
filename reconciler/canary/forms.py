"""Values of the wrong form: the program that reads them ends, and some are only started when they are needed.

What a parameter takes is told by its default, which is a time, a number, or yes or no.

Source: `get_mail_conf_time()`, `_int()` and `_bool()` of Postfix's global/; postconf(5) for those that take more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.canary import matching
from reconciler.live.config import LiveConfig
from reconciler.postfix import values
from reconciler.postfix.effective import View
from reconciler.postfix.values import split_list

_TIME = re.compile(r"\d+[smhdw]", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+")
_TAKES_MORE = re.compile(
    r"smtpd_forbid_bare_newline|milter_protocol|compatibility_level|\w+_port|\w+_feedback|mail_\w+"
)
_CLIENTS = re.compile(r"(smtp|lmtp|tlsproxy_client)_tls_(mandatory_)?(protocols|ciphers)")
_GRADES = re.compile(r"(smtpd|smtp|lmtp)_tls_(mandatory_)?ciphers")
_TODAY = frozenset({"TLSv1.2", "TLSv1.3"})
_REPLY_CODES = re.compile(r"\w+_(reject|defer)_code")
_MAY_BE_NEGATIVE = re.compile(r"postscreen_dnsbl_\w+")
_MATCHES = re.compile(r"(smtp|lmtp)_tls_(verify|secure)_cert_match")
_HEXADECIMAL = re.compile(r"[<>]=?0x0?30[0-4]")
_SASL_OPTIONS = re.compile(r"(smtp|lmtp|smtpd)_sasl_(tls_)?security_options")
_SASL_WORDS = frozenset({"noplaintext", "noactive", "nodictionary", "noanonymous", "forward_secrecy", "mutual_auth"})
_PROXIES = re.compile(r"(smtpd|postscreen)_upstream_proxy_protocol")
_MILTERS = re.compile(r"(smtpd|non_smtpd)_milters")
_MILTER = re.compile(r"\{?\s*(inet|inet6|unix|local):.+", re.DOTALL)
_MILTER_ACTIONS = frozenset({"accept", "reject", "tempfail", "quarantine", "shutdown"})


def faults(config: LiveConfig) -> Iterator[str]:
    """Every such value, in main.cf and in the options of services."""
    yield from (f"main.cf: {text}" for name in config.explicit for text in _of(name, config.view))
    for service in config.master.by_key.values():
        view = config.view_of(service)
        where = f"master.cf: {service.name}/{service.type}"
        yield from (f"{where}: {text}" for name in service.overrides for text in _of(name, view))


def _of(name: str, view: View) -> Iterator[str]:
    value, usual = view.get(name), view.defaults.get(name)
    if usual is None or not value:  # what is empty by a condition is for Postfix to judge
        return
    what = _unlike(name, value, view.expand(usual) if "$" in usual and "{service" not in usual else usual)
    if what:
        yield f"{name}: {value!r} is {what}"
    try:
        _check_words(name, value)
    except ValueError as error:
        yield f"{name}: {error}"


def _unlike(name: str, value: str, usual: str) -> str:
    if _TAKES_MORE.fullmatch(name):
        return ""
    if _TIME.fullmatch(usual) and not re.fullmatch(r"\d+[smhdw]?", value, re.IGNORECASE):
        return "no time; write a number and one of the units s, m, h, d, w"
    if _NUMBER.fullmatch(usual):
        return _unlike_a_number(name, value)
    if usual in ("yes", "no") and value.lower() not in ("yes", "no"):
        return "neither yes nor no"
    return ""


def _unlike_a_number(name: str, value: str) -> str:
    if not _NUMBER.fullmatch(value):
        return "no number"
    if value.startswith("-") and not _MAY_BE_NEGATIVE.fullmatch(name):
        return "less than nothing"
    if _REPLY_CODES.fullmatch(name) and not re.fullmatch(r"[45]\d\d", value):
        return "no reply that turns a client away; write 4xx or 5xx"
    return ""


def _check_words(name: str, value: str) -> None:
    """Raises ValueError."""
    client = _CLIENTS.fullmatch(name)
    if _GRADES.fullmatch(name) and value.lower() == "null":
        raise ValueError("null is a session that anybody can read")
    if client and client[3] == "ciphers":
        values.check_grade(value)
    elif client and not _HEXADECIMAL.search(value):
        values.check_some_protocol(value)
        if not values.enabled_protocols(value) & _TODAY:
            raise ValueError(f"{value!r} leaves no protocol that servers of today speak; let TLSv1.2 or TLSv1.3 in")
    elif _MATCHES.fullmatch(name):
        matching.check(split_list(value.replace(":", " ")))
    elif _SASL_OPTIONS.fullmatch(name):
        unknown = [word for word in split_list(value) if word.lower() not in _SASL_WORDS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no security option of SASL")
    elif _PROXIES.fullmatch(name) and value != "haproxy":
        raise ValueError(f"{value!r} is no protocol of proxies; write haproxy")
    elif _MILTERS.fullmatch(name):
        unknown = [word for word in split_list(value) if not _MILTER.fullmatch(word)]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no milter; write inet:host:port or unix:path")
    elif name == "milter_default_action" and value.split(maxsplit=1)[0].lower() not in _MILTER_ACTIONS:
        raise ValueError(f"{value!r} is nothing that is done where a milter fails")
