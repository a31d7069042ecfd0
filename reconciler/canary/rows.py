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
from reconciler.postfix import table
from reconciler.postfix.effective import View
from reconciler.postfix.expand import ExpansionFailed
from reconciler.postfix.table import Table, TableType, compiled_path

_REFERENCE = re.compile(r"(?:^|[\s,:{])(hash|btree|cdb|lmdb|texthash|cidr|regexp|pcre):([^\s,{}]+)")
_MADE_BY_POSTFIX = re.compile(r"_cache|^address_verify_map$|^alias_database$")  # or asked by nobody but newaliases(1)
_OTHERS = re.compile(r"(?:^|[\s,:{])(mysql|pgsql|ldap|sqlite|mongodb|memcache|nisplus|sdbm|dbm):([^\s,{}]+)")
_MARK = b"\xef\xbb\xbf"  # of byte order, as some editors put it


def faults(config: LiveConfig, candidate: Candidate, live: LiveConfig) -> Iterator[str]:
    """What is wrong with the tables of a candidate that it changes, or newly refers to."""
    texts = _texts(config)
    yield from _missing(config, candidate)
    yield from _without_their_programs(config, live)
    asked_before = set(_references(live))
    for kind, path in dict.fromkeys(_references(config, texts)):
        content = candidate.files.get(path)
        if isinstance(content, bytes):
            indexed = TableType(kind).indexed
            after, before = table.parse(content, indexed=indexed), _standing(path, indexed=indexed)
            yield from (f"{path}: {text}" for text in _of(kind, path, before, after, candidate))
            if content.startswith(_MARK):
                yield f"{path}: begins with a byte order mark, by which its first row is lost"
        elif path in candidate.removed:
            yield f"{path}: it is to be removed, and {kind}:{path} refers to it"
        elif not TableType(kind).indexed and (kind, path) not in asked_before:
            yield from (f"{path}: line {it.line}: {it.what}" for it in _standing(path, indexed=False).malformed)


def _references(config: LiveConfig, texts: list[str] | None = None) -> Iterator[tuple[str, str]]:
    for text in _texts(config) if texts is None else texts:
        yield from ((it[1], config.path(it[2])) for it in _REFERENCE.finditer(text))


def _without_their_programs(config: LiveConfig, live: LiveConfig) -> Iterator[str]:
    """Tables that other programs answer are off in the canary; whether this Postfix knows the type can be read."""
    known = config.snapshot.table_types
    usual = config.view.get("default_database_type")
    if known and usual not in known:
        yield f"default_database_type: this Postfix knows no tables of type {usual}, see postconf -m"
    named = {name: value for name, value in config.explicit.items() if name in config.view.defaults}
    for name, value in named.items():
        for kind, path in _OTHERS.findall(value) if value != live.explicit.get(name) else ():
            if known and kind not in known:
                yield f"{name}: {kind}:{path}: this Postfix knows no tables of that type, see postconf -m"
            elif path.startswith("/") and not Path(path).is_file():
                yield f"{name}: {kind}:{path}: there is no such file"


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
    own = [_expanded(config.view, value) if "$" in value else value for value in config.explicit.values()]
    for service in config.master.by_key.values():
        view = config.view_of(service)
        own += [view.get(name) for name in service.overrides]
    return own


def _expanded(view: View, text: str) -> str:
    """As it stands where Postfix takes it so: commands of local(8) have a dollar of their own."""
    try:
        return view.expand(text)
    except ExpansionFailed:
        return text


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
