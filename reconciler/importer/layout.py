"""A draft as the text of a host file: its groups in the order people read them, each with a line about where it is from
and what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.importer import emit, policies
from reconciler.importer.draft import Draft
from reconciler.importer.emit import Value
from reconciler.model.address import ServiceAddress
from reconciler.postfix import scope

_TITLES = {
    "certificates": "The certificate that smtpd serves",
    "incoming": "smtpd, port 25: what clients are asked for",
    "outgoing": "smtp: what servers are asked for",
    "submission": "Port 587",
    "submissions": "Port 465",
    "parameters": "What else is set about TLS and SASL, by the full name",
}
_KEY_ORDER = ("security_level", "policy_table", "policies", "policy_files")
_OBSERVED = "nothing is healed yet; `enforce: all` heals what drifts from this file"


def render(draft: Draft, *, enforce: bool) -> str:
    """The host file."""
    parts = [_head(draft, enforce=enforce)]
    parts += [text for section in _TITLES if (text := "\n".join(_section(draft, section)))]
    return "\n\n".join(parts) + "\n"


def _head(draft: Draft, *, enforce: bool) -> str:
    snapshot = draft.live.snapshot
    outside = f"{counted(outside_parameters(draft), 'parameter')} and {counted(other_services(draft), 'service')}"
    lines = [
        "# yaml-language-server: $schema=../schemas/host-v1.json",
        emit.comment(f"What is set in {snapshot.config_directory} (Postfix {snapshot.mail_version}), as imported."),
        emit.comment(f"Not about TLS, and left alone: {outside}."),
        "enforce: all" if enforce else f"enforce: []  # {_OBSERVED}",
    ]
    return "\n".join(lines)


def outside_parameters(draft: Draft) -> int:
    """How many parameters of main.cf are neither declared nor said to be left out."""
    left = {str(it.address) for it in draft.left}
    names = (name for name in draft.live.explicit if not scope.in_scope(name) and name != policies.PARAMETER)
    return sum(1 for name in names if f"main.cf/{name}" not in left)


def other_services(draft: Draft) -> int:
    """How many services of master.cf are no submission service."""
    said = {it.address for it in draft.left if isinstance(it.address, ServiceAddress)}
    declared = sum(1 for part in ("submission", "submissions") if part in draft.keys)
    return len(draft.live.master.by_key) - len(said) - declared


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _section(draft: Draft, section: str) -> Iterator[str]:
    keys = draft.keys.get(section, {})
    left = [it for it in draft.left if it.section == section]
    if not keys and not left:
        return
    yield emit.comment(f"{_TITLES[section]}{_from(draft, section, keys)}.")
    if left:
        yield "# Left out:"
        yield from (emit.comment(f"  {it.address}: {it.reason}") for it in left)
    yield from emit.block({section: _ordered(keys)})


def _from(draft: Draft, section: str, keys: dict[str, Value]) -> str:
    if section == "outgoing" and "policies" in draft.sources:
        return f"; policies: the rows of {draft.sources['policies']}"
    if section == "certificates" and keys.get("default") == "unmanaged":
        return ": something else manages it, for now"
    return ""


def _ordered(keys: dict[str, Value]) -> dict[str, Value]:
    """The level first, what is long last, the others as main.cf has them."""
    first = {key: keys[key] for key in _KEY_ORDER[:1] if key in keys}
    last = {key: keys[key] for key in _KEY_ORDER[1:] if key in keys}
    return {**first, **{key: value for key, value in keys.items() if key not in _KEY_ORDER}, **last}
