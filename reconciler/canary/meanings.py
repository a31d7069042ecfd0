"""What rows say: policies and actions that Postfix stops at, in rows and in tables that come newly to be asked.

Source: postconf(5), smtp_tls_policy_maps; TLS_README; access(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.canary import matching, tables
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.postfix import access, policy, table
from reconciler.postfix.effective import View
from reconciler.postfix.table import Row, TableType, compiled_path
from reconciler.postfix.values import split_list

_BY_NAME = ("verify", "secure")
_NEARLY_A_NEXTHOP = re.compile(r":$|\[|\]")
_POLICIES = ("smtp_tls_policy_maps", "lmtp_tls_policy_maps")
_ASKED = (
    *(("policy", name) for name in _POLICIES),
    *(("login", f"{side}_sasl_password_maps") for side in ("smtp", "lmtp")),
)
_KINDS = r"(hash|btree|cdb|lmdb|texthash|cidr|regexp|pcre):([^\s,{}]+)"
_TABLE = re.compile(r"(?:^|[\s,:])" + _KINDS)
_ACCESS = re.compile(r"check_\w+_access\s+(?:proxy:)?" + _KINDS)
_INLINE = re.compile(r"inline:\{((?:[^{}]|\{[^{}]*\})*)\}")
_PAIR = re.compile(r"\{\s*([^{}=\s]+)\s*=\s*([^{}]*?)\s*\}|([^{}=\s,]+)=([^{}\s,]*)")
_Role = tuple[str, str, str]  # policy, login or access, type, path


def faults(config: LiveConfig, candidate: Candidate, live: LiveConfig) -> Iterator[str]:
    """One for each row that is new, or new to those who ask for it."""
    asked_before = set(_roles(live))
    for role in dict.fromkeys(_roles(config)):
        side, kind, path = role
        content = candidate.files.get(path)
        if not isinstance(content, bytes) and role in asked_before:
            continue
        indexed = TableType(kind).indexed
        standing = table.parse(tables.standing(path), indexed=indexed)
        after = table.parse(content, indexed=indexed) if isinstance(content, bytes) else standing
        known = {key: row.value for key, row in standing.rows.items()} if role in asked_before else {}
        rows = {key: row for key, row in after.rows.items() if known.get(key) != row.value}
        match side:
            case "policy":
                said = _policies(rows, config, indexed=indexed)
            case "login":
                said = _logins(rows)
            case _:
                said = _actions(rows, config, candidate)
        yield from (f"{path}: {text}" for text in said)
    yield from _written_out(config, live)


def _roles(config: LiveConfig) -> Iterator[_Role]:
    """Who asks which table for what."""
    for view in _views(config):
        for side, name in _ASKED:
            yield from ((side, it[1], config.path(it[2])) for it in _TABLE.finditer(view.get(name)))
        for name in {*view.explicit, *view.overrides}:
            if "check_" in (view.raw(name) or ""):
                yield from (("access", it[1], config.path(it[2])) for it in _ACCESS.finditer(view.get(name)))


def _views(config: LiveConfig) -> list[View]:
    return [config.view, *(config.view_of(it) for it in config.master.by_key.values() if it.overrides)]


def _written_out(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    """Policies that stand in main.cf or master.cf themselves, where that is new."""
    for name in _POLICIES:
        before = {view.get(name) for view in _views(live)}
        for text in dict.fromkeys(view.get(name) for view in _views(config)):
            for found in _INLINE.finditer(text) if text not in before else ():
                for pair in _PAIR.finditer(found[1]):
                    problem = _policy_fault(pair[2] if pair[1] else pair[4], config)
                    if problem:
                        yield f"{name}: {pair[1] or pair[3]}: {problem}"


def _policies(rows: Mapping[bytes, Row], config: LiveConfig, *, indexed: bool) -> Iterator[str]:
    for key, row in rows.items():
        nexthop = _nexthop_fault(_text(key)) if indexed else ""
        problem = nexthop or _policy_fault(_text(row.value), config)
        if problem:
            yield f"line {row.line}: {_text(key)}: {problem}"


def _nexthop_fault(key: str) -> str:
    """Of a key that is meant to be one and is not; `*` and the like are only never asked for."""
    if _NEARLY_A_NEXTHOP.search(key):
        try:
            policy.parse_nexthop(key)
        except ValueError as error:
            return str(error)
    return ""


def _policy_fault(text: str, config: LiveConfig) -> str:
    words = text.replace(",", " ").split()
    if words and words[0].lower() == "none":
        return ""  # whatever follows is passed over
    try:
        found = policy.parse(text)
        matching.check(
            word for name, value in found.attributes if name == "match" for word in re.split(r"[:|]", value) if word
        ) if found.level in _BY_NAME else None
    except ValueError as error:
        return str(error)
    return _beyond_this_host(found, config)


def _beyond_this_host(found: policy.Policy, config: LiveConfig) -> str:
    unknown = policy.unknown_to(found, config.version)
    if unknown:
        return f"Postfix {config.snapshot.mail_version} does not know {unknown[0]!r}, and mail of the row would wait"
    if found.level.startswith("dane") and config.view.get("smtp_dns_support_level").lower() != "dnssec":
        return f"{found.level} needs smtp_dns_support_level = dnssec"
    if found.level.startswith("dane") and "dns" not in split_list(config.view.get("smtp_host_lookup").lower()):
        return f"{found.level} needs dns among smtp_host_lookup"
    for name, value in found.attributes:
        if name == "tafile" and not Path(config.path(value)).is_file():
            return f"there is no {value}"
        if name == "exclude" and "ALL" in value.split(":"):
            return "ALL leaves no cipher"
        if name == "ciphers" and value.lower() == "null":
            return "null is a session that anybody can read"
    return ""


def _logins(rows: Mapping[bytes, Row]) -> Iterator[str]:
    """No word of what stands there: it may be a password."""
    for key, row in rows.items():
        if b":" not in row.value:
            yield f"line {row.line}: {_text(key)}: a login is written user:password"


def _actions(rows: Mapping[bytes, Row], config: LiveConfig, candidate: Candidate) -> Iterator[str]:
    classes = set(split_list(config.view.get("smtpd_restriction_classes")))
    for key, row in rows.items():
        where, words = f"line {row.line}: {_text(key)}", _text(row.value).replace(",", " ").split()
        if not access.is_action(words) and words[0] not in classes:
            yield f"{where}: {words[0]!r} is no action of access(5)"
        elif access.says_nothing(words):
            yield f"{where}: {words[0]} says nothing without what follows it"
        for found in _ACCESS.finditer(_text(row.value)):
            kind, path = TableType(found[1]), config.path(found[2])
            asked = compiled_path(kind, path) if kind.compiled else path
            if path not in candidate.files and not Path(asked).exists():
                yield f"{where}: there is no {asked}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
