"""What rows say: policies and actions that Postfix stops at, in rows and in tables that come newly to be asked.

Source: postconf(5), smtp_tls_policy_maps; TLS_README; access(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.canary import tables
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.postfix import policy, table
from reconciler.postfix.table import Row, TableType, compiled_path
from reconciler.postfix.values import split_list

_POLICIES = ("smtp_tls_policy_maps", "lmtp_tls_policy_maps")
_KINDS = r"(hash|btree|cdb|lmdb|texthash|cidr|regexp|pcre):([^\s,{}]+)"
_TABLE = re.compile(r"(?:^|[\s,:])" + _KINDS)
_ACCESS = re.compile(r"check_\w+_access\s+(?:proxy:)?" + _KINDS)
_ACTION = re.compile(
    r"OK|RELAY|REJECT|DEFER|DEFER_IF_REJECT|DEFER_IF_PERMIT|BCC|DISCARD|DUNNO|FILTER|HOLD|INFO|PREPEND|REDIRECT|WARN"
    r"|[245]\d\d|\d+|permit|permit_\w+|reject|reject_(?:invalid|non_fqdn|unknown|unlisted|unauth|unverified|rbl|rhsbl|"
    r"plaintext_session|sender_login|known|authenticated|multi)\w*|defer|defer_\w+|warn_if_reject|check_\w+|sleep|accept",
    re.IGNORECASE,
)
_WITH_TEXT = frozenset({"BCC", "FILTER", "PREPEND", "REDIRECT"})
_Role = tuple[str, str, str]  # policy or access, type, path


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
        said = _policies(rows, config) if side == "policy" else _actions(rows, config, candidate)
        yield from (f"{path}: {text}" for text in said)


def _roles(config: LiveConfig) -> Iterator[_Role]:
    """Who asks which table for what."""
    views = [config.view, *(config.view_of(it) for it in config.master.by_key.values() if it.overrides)]
    for view in views:
        for name in _POLICIES:
            yield from (("policy", it[1], config.path(it[2])) for it in _TABLE.finditer(view.get(name)))
        for name in {*view.explicit, *view.overrides}:
            if "check_" in (view.raw(name) or ""):
                yield from (("access", it[1], config.path(it[2])) for it in _ACCESS.finditer(view.get(name)))


def _policies(rows: Mapping[bytes, Row], config: LiveConfig) -> Iterator[str]:
    for key, row in rows.items():
        text = _text(row.value)
        if text.replace(",", " ").split()[0].lower() == "none":
            continue  # whatever follows is passed over
        try:
            found = policy.parse(text)
        except ValueError as error:
            yield f"line {row.line}: {_text(key)}: {error}"
            continue
        problem = _beyond_this_host(found, config)
        if problem:
            yield f"line {row.line}: {_text(key)}: {problem}"


def _beyond_this_host(found: policy.Policy, config: LiveConfig) -> str:
    unknown = policy.unknown_to(found, config.version)
    if unknown:
        return f"Postfix {config.snapshot.mail_version} does not know {unknown[0]!r}, and mail of the row would wait"
    if found.level.startswith("dane") and config.view.get("smtp_dns_support_level").lower() != "dnssec":
        return f"{found.level} needs smtp_dns_support_level = dnssec"
    for name, value in found.attributes:
        if name == "tafile" and not Path(config.path(value)).is_file():
            return f"there is no {value}"
        if name == "exclude" and "ALL" in value.split(":"):
            return "ALL leaves no cipher"
    return ""


def _actions(rows: Mapping[bytes, Row], config: LiveConfig, candidate: Candidate) -> Iterator[str]:
    classes = set(split_list(config.view.get("smtpd_restriction_classes")))
    for key, row in rows.items():
        where, words = f"line {row.line}: {_text(key)}", _text(row.value).replace(",", " ").split()
        if not _ACTION.fullmatch(words[0]) and words[0] not in classes:
            yield f"{where}: {words[0]!r} is no action of access(5)"
        elif words[0].upper() in _WITH_TEXT and len(words) == 1:
            yield f"{where}: {words[0]} says nothing without what follows it"
        for found in _ACCESS.finditer(_text(row.value)):
            kind, path = TableType(found[1]), config.path(found[2])
            asked = compiled_path(kind, path) if kind.compiled else path
            if path not in candidate.files and not Path(asked).exists():
                yield f"{where}: there is no {asked}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
