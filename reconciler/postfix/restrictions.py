"""Lists with elements of ours among elements of others: restriction lists and lists of tables.

A restriction list is evaluated in order and ends at the first answer, so an element behind a `permit` or a `reject`
that always answers is never reached.

Source: postconf(5), smtpd_client_restrictions and its kin; access(5); SMTPD_ACCESS_README.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from reconciler.frozen import dataclass
from reconciler.postfix.lines import BLANKS
from reconciler.postfix.main_cf import Entry
from reconciler.postfix.values import split_list

_ASKED_OF = ("client", "helo", "sender", "recipient")
_WORDS = """
permit reject defer warn_if_reject sleep discard hold defer_if_permit defer_if_reject
permit_mynetworks permit_inet_interfaces permit_sasl_authenticated permit_tls_all_clientcerts
permit_tls_clientcerts permit_auth_destination permit_mx_backup permit_naked_ip_address permit_dnswl_client
permit_rhswl_client reject_unauth_destination defer_unauth_destination reject_plaintext_session
reject_unauth_pipelining reject_multi_recipient_bounce reject_maps_rbl reject_rbl_client reject_rhsbl_client
reject_rhsbl_helo reject_rhsbl_reverse_client reject_rhsbl_sender reject_rhsbl_recipient reject_unknown_client
reject_unknown_client_hostname reject_unknown_reverse_client_hostname
reject_invalid_hostname reject_invalid_helo_hostname reject_non_fqdn_hostname reject_non_fqdn_helo_hostname
reject_unknown_hostname reject_unknown_helo_hostname reject_non_fqdn_sender reject_non_fqdn_recipient
reject_unknown_address reject_unknown_sender_domain reject_unknown_recipient_domain reject_unlisted_sender
reject_unlisted_recipient reject_unverified_sender reject_unverified_recipient reject_sender_login_mismatch
reject_authenticated_sender_login_mismatch reject_known_sender_login_mismatch
reject_unauthenticated_sender_login_mismatch check_policy_service check_relay_domains check_recipient_maps
check_ccert_access check_sasl_access check_etrn_access check_reverse_client_hostname_access
check_reverse_client_hostname_a_access check_reverse_client_hostname_mx_access
check_reverse_client_hostname_ns_access
"""
NAMES = frozenset(  # those of older versions too
    (*_WORDS.split(), *(f"check_{what}_{how}access" for what in _ASKED_OF for how in ("", "a_", "mx_", "ns_")))
)

_FINAL = frozenset({"permit", "reject", "defer", "discard", "hold", "reject_plaintext_session"})
_ANSWERING = frozenset(
    {"permit_mynetworks", "permit_sasl_authenticated", "permit_inet_interfaces", "permit_auth_destination"}
)
_TAKES_ARGUMENT = re.compile(
    r"check_\w+|reject_rbl_client|reject_rhsbl_\w+|permit_dnswl_client|permit_rhswl_client|sleep"
)

_ALWAYS = re.compile(r"(^| )static:")  # a table that answers whatever it is asked

Same = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Element:
    """One element with its argument: `check_sender_access hash:/etc/postfix/senders`; `at` slices the list's text."""

    text: str
    at: tuple[int, int]


@lru_cache(maxsize=256)  # a host's lists are asked for every element of ours, and hosts have the same ones
def elements(text: str, *, with_arguments: bool) -> tuple[Element, ...]:
    """The elements of a list. In restriction lists an argument belongs to the word before it."""
    words = _positions(text)
    found: list[Element] = []
    index = 0
    while index < len(words):
        start = words[index][0]
        if with_arguments and text[slice(*words[index])].lower() == "warn_if_reject" and index + 1 < len(words):
            index += 1  # it qualifies the restriction behind it
        if with_arguments and _TAKES_ARGUMENT.fullmatch(text[slice(*words[index])].lower()) and index + 1 < len(words):
            index += 1
        end = words[index][1]
        found.append(Element(" ".join(text[start:end].split()), (start, end)))
        index += 1
    return tuple(found)


def _positions(text: str) -> list[tuple[int, int]]:
    positions = []
    at = 0
    for word in split_list(text):
        start = text.index(word, at)
        at = start + len(word)
        positions.append((start, at))
    return positions


def takes_argument(word: str) -> bool:
    """Whether a restriction says nothing without the word behind it."""
    return bool(_TAKES_ARGUMENT.fullmatch(word.lower()))


def is_restriction_list(parameter: str) -> bool:
    return parameter.endswith("_restrictions")


def blocker(parameter: str, text: str, element: str, same: Same) -> str | None:
    """The element that keeps ours from being reached, or None where it works, or is not there.

    What a static table answers is not repeated: it can be a password.
    """
    for candidate in elements(text, with_arguments=is_restriction_list(parameter)):
        if same(candidate.text, element):
            return None
        if candidate.text.lower() in _FINAL or candidate.text.lower() in _ANSWERING or _ALWAYS.search(candidate.text):
            return _ALWAYS.split(candidate.text)[0] + " static:…" if _ALWAYS.search(candidate.text) else candidate.text
    return None


def find(parameter: str, text: str, element: str, same: Same) -> Element | None:
    """Our element in the list, however it is spelled there."""
    listed = elements(text, with_arguments=is_restriction_list(parameter))
    return next((candidate for candidate in listed if same(candidate.text, element)), None)


def insert(entry: Entry, element: str) -> bytes:
    """The entry's bytes with the element in front, in the layout the list already has.

    In front, because there nothing can keep it from being reached.
    """
    raw, (start, _) = entry.raw, entry.value_at
    line_start = raw.rfind(b"\n", 0, start) + 1
    lead = raw[line_start:start]
    comma = b"," if b"," in entry.value else b""
    if line_start and not lead.strip(BLANKS):
        newline = b"\r\n" if raw[:line_start].endswith(b"\r\n") else b"\n"
        return raw[:start] + element.encode() + comma + newline + lead + raw[start:]
    gap = comma + b" "
    if not entry.value:
        joint = b" " if raw[start - 1 : start] == b"=" else b""
        return raw[:start] + joint + element.encode() + raw[start:]
    return raw[:start] + element.encode() + gap + raw[start:]


def remove(entry: Entry, element: str, *, parameter: str, same: Same) -> bytes:
    """The entry's bytes without the element; its separator goes with it, and its line where it had one of its own."""
    text = entry.source.text.decode("utf-8", "surrogateescape")
    offset = len(entry.source.text) - len(entry.source.text.rstrip(BLANKS)) if entry.value else 0
    value = entry.value.decode("utf-8", "surrogateescape")
    found = find(parameter, value, element, same)
    if found is None:
        return entry.raw
    begin = len(text) - offset - len(value)
    start, end = entry.source.offsets(
        _bytes_before(text, begin + found.at[0]), _bytes_before(text, begin + found.at[1])
    )
    return _cut(entry.raw, start, end, first=found.at[0] == 0)


def _bytes_before(text: str, at: int) -> int:
    return len(text[:at].encode("utf-8", "surrogateescape"))


def _cut(raw: bytes, start: int, end: int, *, first: bool) -> bytes:
    while raw[end : end + 1] == b",":
        end += 1
    line_start = raw.rfind(b"\n", 0, start) + 1
    line_end = raw.find(b"\n", end)
    line_end = len(raw) if line_end < 0 else line_end + 1
    alone = not raw[line_start:start].strip(BLANKS) and not raw[end:line_end].strip(BLANKS)
    if alone and line_start:
        return _without_dangling_comma(raw[:line_start], raw[line_end:])
    while end < len(raw) and raw[end] in b" \t":
        end += 1
    if not first and not raw[end:line_end].strip(BLANKS):
        kept = raw[:start].rstrip(b" \t,")
        return kept + raw[end:]
    return raw[:start] + raw[end:]


def _without_dangling_comma(before: bytes, after: bytes) -> bytes:
    """Postfix takes a trailing comma; a person would not leave one."""
    if after.strip(BLANKS):
        return before + after
    stripped = before.rstrip(BLANKS)
    return stripped[:-1] + before[len(stripped) :] if stripped.endswith(b",") else before
