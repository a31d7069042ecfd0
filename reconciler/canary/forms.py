"""Values of the wrong form: the program that reads them ends, and some are only started when they are needed.

What a parameter takes is told by its default, which is a time, a number, or yes or no.

Source: `get_mail_conf_time()`, `_int()` and `_bool()` of Postfix's global/; postconf(5) for those that take more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.canary import words
from reconciler.live.config import LiveConfig
from reconciler.postfix.effective import View
from reconciler.postfix.expand import ExpansionFailed

_TIME = re.compile(r"\d+[smhdw]", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+")
_TAKES_MORE = re.compile(
    r"smtpd_forbid_bare_newline|milter_protocol|compatibility_level|\w+_port|\w+_feedback|mail_\w+"
)
_REPLY_CODES = re.compile(r"\w+_(reject|defer)_code")
_MAY_BE_NEGATIVE = re.compile(r"postscreen_dnsbl_\w+")
_LIMITS = (  # of one transport each, `smtp_destination_rate_delay`; qmgr(8) reads them with the first message for it
    *("destination_concurrency_limit", "destination_recipient_limit", "destination_rate_delay"),
    *("destination_concurrency_failed_cohort_limit", "transport_rate_delay", "extra_recipient_limit"),
    *("delivery_slot_cost", "delivery_slot_loan", "delivery_slot_discount", "minimum_delivery_slots"),
    *("recipient_limit", "recipient_refill_limit", "recipient_refill_delay"),
)
_OF_A_TRANSPORT = re.compile(rf".+_({'|'.join(_LIMITS)}|initial_destination_concurrency|time_limit)")
_USUAL = {"time_limit": "command_time_limit", "initial_destination_concurrency": "initial_destination_concurrency"}


def faults(config: LiveConfig) -> Iterator[str]:
    """Every such value, in main.cf and in the options of services."""
    yield from (f"main.cf: {text}" for name in config.explicit for text in _of(name, config.view))
    for service in config.master.by_key.values():
        view = config.view_of(service)
        where = f"master.cf: {service.name}/{service.type}"
        yield from (f"{where}: {text}" for name in service.overrides for text in _of(name, view))


def _of(name: str, view: View) -> Iterator[str]:
    value, usual = view.get(name), _usual(name, view)
    if name == "syslog_name" and not value:
        yield "syslog_name: it is empty, which every program ends over"
    if usual is None or not value:  # what is empty by a condition is for Postfix to judge
        return
    what = _unlike(name, value, usual)
    if what:
        yield f"{name}: {value!r} is {what}"
    try:
        words.check(name, value)
    except ValueError as error:
        yield f"{name}: {error}"


def _usual(name: str, view: View) -> str | None:
    """The default as it counts here; None of what is no parameter of Postfix's."""
    text = view.defaults.get(name)
    if text is None and (found := _OF_A_TRANSPORT.fullmatch(name)):
        text = view.defaults.get(_USUAL.get(found[1], f"default_{found[1]}"))
    if text is None or "$" not in text or "{service" in text:
        return text
    try:
        return view.expand(text)
    except ExpansionFailed:  # a set of characters, with a dollar in it
        return text


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
