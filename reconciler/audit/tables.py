"""Lookup tables: references that lead nowhere, what postmap made of them, rows that it left out.

Source: postmap(1); DATABASE_README; measured: postmap leaves rows out with exit code 0, and says nothing of a stale
table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.audit.references import (
    COMPILED,
    SNI_MAPS,
    TYPES,
    TableUse,
    is_table_list,
    sni_files,
    table_uses,
)
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Said, Scene, Stated
from reconciler.errors import Position
from reconciler.live.paths import in_address
from reconciler.model.address import RowAddress
from reconciler.model.finding import Finding
from reconciler.postfix.table import Row, Table, TableType, compiled_path
from reconciler.postfix.values import split_list

_SHOWN = 3  # keys named as evidence
_ROWS = 20  # rows of one table that are reported
_BOM = b"\xef\xbb\xbf"
_WITHHELD = "Permission denied"


def check(scene: Scene) -> Iterator[Finding]:
    for stated in scene.values:
        if is_table_list(stated.name):
            yield from _references(stated)
    seen: set[str] = set()
    for use in table_uses(scene):
        yield from _type(scene, use)
        if use.path is None or use.path in seen:
            continue
        seen.add(use.path)
        yield from _presence(scene, use, use.path)
        table = scene.live.tables.get(use.path)
        if table is not None:
            yield from _compiled(scene, use, use.path, table)
            yield from _left_out(scene, use.path, table)


# --- references ---------------------------------------------------------------------------------------------------


def _references(stated: Stated) -> Iterator[Finding]:
    name, said = stated.name, stated.said
    try:
        expanded = stated.running.view.expand(stated.value)
    except ValueError:
        return
    for reference in split_list(expanded):
        if ":" not in reference and not reference.startswith("{"):
            why = "Postfix takes tables as type:path, and the daemon that reads it dies"
            fix = by_hand(
                f"write hash:{reference}, or the type it is of" if reference[:1] == "/" else "write type:path"
            )
            yield said.finding("table_reference_invalid", why, fix, f"{said.text}: {name} names no type")


def _type(scene: Scene, use: TableUse) -> Iterator[Finding]:
    """A type this Postfix lacks; of a copied directory nothing is known about its Postfix."""
    if scene.in_place and use.kind not in scene.snapshot.table_types:
        known = ", ".join(sorted(scene.snapshot.table_types & TYPES))
        why = "this Postfix has no such tables, and every look-up fails"
        fix = by_hand(f"use one of {known}, or install the package that brings {use.kind}")
        yield use.said.finding("table_reference_invalid", why, fix, f"{use.said.text}: type {use.kind}")


# --- files --------------------------------------------------------------------------------------------------------


def _presence(scene: Scene, use: TableUse, path: str) -> Iterator[Finding]:
    names = scene.surroundings.names
    built = compiled_path(TableType(use.kind), path) if use.kind in COMPILED else ""
    found = Said(scene.said_table(path).address, use.said.position, use.said.text)
    why = "every look-up in it fails, and mail is deferred"
    if built and built not in names and path in names:
        if scene.in_place or _has_compiled(scene):
            fix = by_hand(f"postmap {_flag(use)}{use.kind}:{path}")
            evidence = f"{use.said.text}: there is no {built}, and {path} is there"
            yield found.finding("table_not_compiled", why, fix, evidence)
    elif (built or path) not in names and scene.in_place:
        fix = by_hand(f"write {path}{', and postmap it' if built else ''}, or remove the reference")
        yield found.finding("table_missing", why, fix, f"{use.said.text}: there is no {built or path}")


def _has_compiled(scene: Scene) -> bool:
    """Whether a copy holds what postmap made of any table: who copies the sources only proves nothing."""
    return any(name.endswith((".db", ".cdb", ".lmdb")) for name in scene.surroundings.names)


def _flag(use: TableUse) -> str:
    return "-F " if use.parameter == SNI_MAPS else ""


# --- what postmap made --------------------------------------------------------------------------------------------


def _compiled(scene: Scene, use: TableUse, path: str, table: Table) -> Iterator[Finding]:
    made = scene.snapshot.compiled.get(path)
    built = compiled_path(TableType(use.kind), path) if use.kind in COMPILED else ""
    if made is None or built not in scene.surroundings.names:
        return
    if use.kind not in scene.snapshot.table_types:
        return  # said already, or a copy from a host whose Postfix has them
    said, fix = scene.said_table(path), by_hand(f"postmap {_flag(use)}{use.kind}:{path}")
    if made.rows is None:
        if _WITHHELD not in made.problem:
            why = "every look-up in it fails, and mail is deferred"
            yield said.finding("table_unreadable", why, fix, f"{built}: {made.problem}")
        return
    rows = {key: row.value for key, row in table.rows.items()}
    if use.parameter == SNI_MAPS:
        yield from _sni(scene, use, made.rows, rows)
        differing = rows.keys() ^ made.rows.keys()
    else:
        differing = {key for key in rows.keys() | made.rows.keys() if rows.get(key) != made.rows.get(key)}
    if differing:
        why = "Postfix looks up what was compiled, and what was edited since is not in force"
        yield said.finding("table_stale", why, fix, f"{len(differing)} rows of {built} differ: {_named(differing)}")


def _named(keys: set[bytes]) -> str:
    shown = [key.decode("utf-8", "replace") for key in sorted(keys)[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(keys) > _SHOWN else "")


def _sni(scene: Scene, use: TableUse, made: Mapping[bytes, bytes], rows: Mapping[bytes, bytes]) -> Iterator[Finding]:
    fix = by_hand(f"postmap -F {use.kind}:{use.path}")
    files = sni_files(scene)
    for key, value in rows.items():
        standing = made.get(key)
        said = _said_row(scene, use.path or "", key, value)
        if standing == value:
            why = "built without -F it holds the file's name, not its content: this server name gets no certificate"
            yield said.finding("sni_map_without_files", why, fix)
            continue
        named = files.get((use.path or "", key), ())
        pem = scene.snapshot.pems.get(named[0] or "") if len(named) == 1 else None
        if standing and pem and pem.sha256 and standing != b"sha256:" + pem.sha256.encode():
            why = "the map holds the file as it was; a renewed certificate is not served until it is built again"
            yield said.finding("sni_map_stale", why, fix, f"{said.text}: the file has changed since")


# --- rows ---------------------------------------------------------------------------------------------------------


def _left_out(scene: Scene, path: str, table: Table) -> Iterator[Finding]:
    if scene.snapshot.files[path].content.startswith(_BOM):
        why = "to Postfix these bytes belong to the first key, which is never found"
        fix = by_hand(f"sed -i '1s/^\\xef\\xbb\\xbf//' {path}, then postmap")
        yield scene.said_table(path, line=1).finding("byte_order_mark", why, fix, "the file begins with EF BB BF")
    reported = 0
    for node in table.nodes if table.indexed else ():  # patterns have lines without a value: if, endif
        what = _why_left_out(node, table)
        if what and reported < _ROWS:
            reported += 1
            why = "Postfix passes over it without a word in its exit code"
            fix = by_hand("correct the line or remove it, then postmap")
            yield scene.said_table(path, line=node.line).finding("row_ignored", why, fix, what)


def _why_left_out(node: object, table: Table) -> str:
    match node:
        case Row() if table.rows[node.key] is not node:
            first = table.rows[node.key].line
            return f"the key {node.key.decode('utf-8', 'replace')} stands in line {first} already, and the first counts"
        case Row():
            return ""
        case _:
            return str(getattr(node, "what", ""))


def _said_row(scene: Scene, path: str, key: bytes, value: bytes) -> Said:
    name = key.decode("utf-8", "surrogateescape")
    row = scene.live.tables[path].rows[key]
    text = f"{name} {value.decode('utf-8', 'replace')}"
    return Said(RowAddress(in_address(path, scene.directory), name), Position(path, row.line), text)
