"""Lookup tables and PEM files that the configuration refers to, and what an audit needs to see of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from reconciler.audit.scene import Running, Said, Scene, Stated
from reconciler.frozen import dataclass, replace
from reconciler.model.snapshot import HostSnapshot
from reconciler.postfix import restrictions, scope
from reconciler.postfix.table import TableType, compiled_path
from reconciler.postfix.values import split_list

POLICY_MAPS = ("smtp_tls_policy_maps", "lmtp_tls_policy_maps")
SNI_MAPS = "tls_server_sni_maps"
TRANSPORT_MAPS = "transport_maps"
TYPES = frozenset(kind.value for kind in TableType)
COMPILED = frozenset(kind.value for kind in TableType if kind.compiled)
_PROXIES = ("proxy", "proxywrite")
_LISTS = ("unionmap", "pipemap")
_PASSWORDS = "_sasl_password_maps"
_MORE_TABLES = ("relay_clientcerts", "smtp_tls_per_site", "lmtp_tls_per_site", TRANSPORT_MAPS)
SIDES = ("smtpd", "smtp", "lmtp")
PAIRS = ("", "d", "ec")  # RSA, DSA, ECDSA


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table where a parameter or an option names it. `path` is where its source lies here, None where it cannot."""

    parameter: str
    kind: str
    written: str
    path: str | None
    said: Said


@dataclass(frozen=True, slots=True)
class PemUse:
    """A PEM file where a parameter names it; `role` is chain, certificate, key or authorities."""

    parameter: str
    role: str
    written: str
    path: str | None
    said: Said


@dataclass(frozen=True, slots=True)
class Interests:
    """What an audit needs to see of the host beyond main.cf and master.cf, as absolute paths.

    The contents of `tables` are judged; of `names` only that they exist, whose they are and who may read them.
    """

    tables: dict[str, str]  # path → type
    pems: tuple[str, ...]
    names: tuple[str, ...]


def interests(scene: Scene) -> Interests:
    uses = table_uses(scene)
    judged = {it.path: it.kind for it in uses if it.path and it.kind in TYPES and not is_password_map(it.parameter)}
    loaded = [it for it in pem_uses(scene) if it.path]
    pems = dict.fromkeys(it.path for it in loaded if it.path and it.role != "authorities")
    files = dict.fromkeys(it.path for it in uses if it.path and it.kind in TYPES)
    compiled = (compiled_path(TableType(it.kind), it.path) for it in uses if it.path and it.kind in COMPILED)
    named = (it.path for it in loaded if it.path)
    names = (scene.main_path, scene.master_path, *files, *compiled, *named)
    return Interests(judged, tuple(pems), tuple(dict.fromkeys(names)))


def is_password_map(parameter: str) -> bool:
    """Whether a table holds passwords: it is never read."""
    return parameter.endswith(_PASSWORDS)


def table_uses(scene: Scene) -> tuple[TableUse, ...]:
    """Every file table that TLS and SASL parameters, restriction lists and transport_maps name."""
    return tuple(
        use
        for stated in scene.values
        for reference in _references(stated)
        for use in _use(scene, stated.name, reference, stated.said)
    )


def _references(stated: Stated) -> Iterator[str]:
    """The table references in a value, expanded."""
    name, value, running = stated.name, stated.value, stated.running
    if restrictions.is_restriction_list(name):
        for element in restrictions.elements(value, with_arguments=True):
            word, _, argument = element.text.partition(" ")
            if word.lower().startswith("check_") and word.lower().endswith("_access"):
                yield from split_list(_expanded(running, argument))
    elif is_table_list(name):
        yield from split_list(_expanded(running, value))


def is_table_list(name: str) -> bool:
    return name in _MORE_TABLES or (name.endswith("_maps") and scope.in_scope(name)) or name in POLICY_MAPS


def _expanded(running: Running, text: str) -> str:
    try:
        return running.view.expand(text)
    except ValueError:
        return ""


def _use(scene: Scene, name: str, reference: str, said: Said) -> Iterator[TableUse]:
    kind, _, path = reference.partition(":")
    while kind in _PROXIES:
        kind, _, path = path.partition(":")
    if kind in _LISTS and path.startswith("{"):
        for inner in split_list(path[1:-1]):
            yield from _use(scene, name, inner, said)
    elif path and not reference.startswith("{"):
        where = scene.resolve(path) if kind in TYPES else None
        yield TableUse(name, kind, reference, where, said)


def pem_uses(scene: Scene) -> tuple[PemUse, ...]:
    """Every file of keys, certificates and authorities that smtpd, smtp and lmtp load, and services of their own."""
    return tuple(
        PemUse(stated.name, role, written, scene.resolve(written), stated.said)
        for stated in scene.values
        for role in (_role(stated.name),)
        if role and is_used(stated.running, stated.name)
        for written in split_list(_expanded(stated.running, stated.value))
        if written.lower() != "none"
    )


def _role(name: str) -> str:
    side, _, rest = name.partition("_tls_")
    if side not in SIDES:
        return ""
    if rest == "chain_files":
        return "chain"
    if rest == "CAfile":
        return "authorities"
    pairs = {f"{pair}{kind}_file": role for pair in PAIRS for kind, role in (("cert", "certificate"), ("key", "key"))}
    return pairs.get(rest, "")


def is_used(running: Running, name: str) -> bool:
    """Whether Postfix loads the file at all: chain files come instead of the older pairs, and those need TLS."""
    side, _, rest = name.partition("_tls_")
    return rest in ("chain_files", "CAfile") or not running.view.get(f"{side}_tls_chain_files")


def sni_files(scene: Scene) -> dict[tuple[str, bytes], tuple[str | None, ...]]:
    """The PEM files that rows of SNI maps name: by the path of the map and the key of the row."""
    return {
        (use.path, key): tuple(scene.resolve(path) for path in _text(row.value).replace(",", " ").split())
        for use in table_uses(scene)
        if use.parameter == SNI_MAPS and use.path and use.path in scene.live.tables
        for key, row in scene.live.tables[use.path].rows.items()
    }


def without_keys(scene: Scene) -> HostSnapshot:
    """The snapshot with digests in place of what `postmap -F` put into SNI maps: whole key files.

    A digest is that of the file where a row names one; several are joined by line feeds.
    The very same snapshot where there are no such maps.
    """
    maps = {use.path for use in table_uses(scene) if use.parameter == SNI_MAPS}
    if not maps:
        return scene.snapshot
    compiled = {
        path: replace(made, rows={key: _digest(value) for key, value in made.rows.items()})
        if path in maps and made.rows is not None
        else made
        for path, made in scene.snapshot.compiled.items()
    }
    return replace(scene.snapshot, compiled=compiled)


def _digest(value: bytes) -> bytes:
    try:
        content = base64.b64decode(value, validate=True)
    except ValueError:
        return value
    return b"sha256:" + hashlib.sha256(content).hexdigest().encode()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
