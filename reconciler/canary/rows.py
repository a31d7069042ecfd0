"""Tables whose source a candidate changes: rows that Postfix would pass over, stop at, or never see.

Source: postmap(1); access(5); postconf(5), smtp_tls_policy_maps. `postmap` exits 0 over a row it leaves out.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import HostUnreadable
from reconciler.host import files
from reconciler.live.config import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.postfix import policy, table
from reconciler.postfix.table import Table, TableType, compiled_path

_REFERENCE = re.compile(r"(?:^|[\s,:{])(hash|btree|cdb|lmdb|texthash|cidr|regexp|pcre):([^\s,{}]+)")
_POLICIES = ("smtp_tls_policy_maps", "lmtp_tls_policy_maps")
_MADE_BY_POSTFIX = re.compile(r"_cache|^address_verify_map$|^alias_database$")  # or asked by nobody but newaliases(1)
_ACCESS = re.compile(r"check_\w+_access\s+(?:proxy:)?\w+:([^\s,{}]+)")
_ACTION = re.compile(
    r"(?i:OK|RELAY|REJECT|DEFER|DEFER_IF_REJECT|DEFER_IF_PERMIT|BCC|DISCARD|DUNNO|FILTER|HOLD|INFO|PREPEND|REDIRECT|WARN)"
    r"|[245]\d\d|\d+|permit|permit_\w+|reject|reject_(?:invalid|non_fqdn|unknown|unlisted|unauth|unverified|rbl|rhsbl|"
    r"plaintext_session|sender_login|known|authenticated|multi)\w*|defer|defer_\w+|warn_if_reject|check_\w+|sleep|accept"
)


def faults(config: LiveConfig, candidate: Candidate) -> Iterator[str]:
    """What is wrong with the tables of a candidate that it changes and refers to."""
    texts = _texts(config)
    yield from _missing(config, candidate)
    for kind, path in dict.fromkeys((it[1], config.path(it[2])) for text in texts for it in _REFERENCE.finditer(text)):
        content = candidate.files.get(path)
        if isinstance(content, bytes):
            indexed = TableType(kind).indexed
            after, before = table.parse(content, indexed=indexed), _standing(path, indexed=indexed)
            yield from (f"{path}: {text}" for text in _of(kind, path, before, after, candidate))
            yield from (f"{path}: {text}" for text in _values(config, path, before, after))
        elif path in candidate.removed:
            yield f"{path}: it is to be removed, and {kind}:{path} refers to it"


def _missing(config: LiveConfig, candidate: Candidate) -> Iterator[str]:
    """Tables that a parameter of Postfix's names, and that no program that asks them will find."""
    named = [(name, config.view.get(name)) for name in config.explicit if name in config.view.defaults]
    for service in config.master.by_key.values():
        view = config.view_of(service)
        named += [(name, view.get(name)) for name in service.overrides if name in view.defaults]
    for name, text in named:
        for found in () if _MADE_BY_POSTFIX.search(name) else _REFERENCE.finditer(text):
            path = config.path(found[2])
            asked = compiled_path(TableType(found[1]), path) if TableType(found[1]).compiled else path
            is_built = path in candidate.tables or asked in candidate.files
            if not is_built and (asked in candidate.removed or not Path(asked).exists()):
                yield f"{name}: {found[1]}:{path}: there is no {posixpath.basename(asked)}"


def _texts(config: LiveConfig) -> list[str]:
    own = [config.view.expand(value) if "$" in value else value for value in config.explicit.values()]
    for service in config.master.by_key.values():
        view = config.view_of(service)
        own += [view.get(name) for name in service.overrides]
    return own


def _standing(path: str, *, indexed: bool) -> Table:
    try:
        state = files.read(path)
    except HostUnreadable:
        state = None
    return table.parse(state.content if state else b"", indexed=indexed)


def _of(kind: str, path: str, before: Table, after: Table, candidate: Candidate) -> Iterator[str]:
    known = {bad.raw for bad in before.malformed}
    yield from (f"line {bad.line}: {bad.what}" for bad in after.malformed if bad.raw not in known)
    if len(before.rows) > 1 and not after.rows:
        yield f"all its {len(before.rows)} rows would be gone, and it is still referred to"
    is_built = path in candidate.tables or not TableType(kind).compiled
    if not is_built and _pairs(before) != _pairs(after):
        yield f"its rows change, and {kind}:{path} is not compiled again"


def _pairs(of: Table) -> dict[bytes, bytes]:
    return {key: row.value for key, row in of.rows.items()}


def _values(config: LiveConfig, path: str, before: Table, after: Table) -> Iterator[str]:
    """Right-hand sides that are new and not to be understood."""
    standing = _pairs(before)
    new = {key: row for key, row in after.rows.items() if standing.get(key) != row.value}
    views = [config.view, *(config.view_of(service) for service in config.master.by_key.values())]
    if any(f":{path}" in view.get(name).replace("=", " ") for view in views for name in _POLICIES):
        for key, row in new.items():
            try:
                policy.parse(_text(row.value))
            except ValueError as error:
                yield f"line {row.line}: {_text(key)}: {error}"
    if any(path == config.path(it[1]) for text in _texts(config) for it in _ACCESS.finditer(text)):
        classes = set(config.view.get("smtpd_restriction_classes").replace(",", " ").split())
        for key, row in new.items():
            word = _text(row.value).split()[0] if row.value.split() else ""
            if not _ACTION.fullmatch(word) and word not in classes:
                yield f"line {row.line}: {_text(key)}: {word!r} is no action of access(5)"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
