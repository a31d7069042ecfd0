"""Policies as lookup tables: who must use TLS to deliver here, and what destinations get.

Source: access(5), cidr_table(5); postconf(5), smtp_tls_policy_maps and parent_domain_matches_subdomains.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf

from reconciler.desired import readers
from reconciler.desired.kept import Kept
from reconciler.desired.keys import converted
from reconciler.desired.maps import MapRow
from reconciler.desired.state_file import Certificate, HostFile, IncomingPolicies, Outgoing
from reconciler.desired.tree import Mapping, Sequence, entry_at, key_origin_at, origin_at
from reconciler.errors import Position, Problem, StateInvalid
from reconciler.frozen import replace
from reconciler.model.desired import DesiredRow, DesiredTable, Origin, Part
from reconciler.postfix.table import TableType

REJECT = "reject_plaintext_session"
SERVER_NAMES = "tls_sni"


def of(file: HostFile, tree: Mapping, maps: MappingOf[str, tuple[MapRow, ...]], kept: Kept) -> tuple[DesiredTable, ...]:
    """The tables of one host; a table without rows is not made.

    Raises StateInvalid where two policy files disagree about a destination.
    """
    tables = [_server_names(file, tree)]
    policies, outgoing = file.incoming.policies if file.incoming is not None else None, file.outgoing
    if policies is not None:
        given = _below(tree, "incoming", "policies")
        tables += kept.once("incoming tables", given, lambda: tuple(_incoming(policies, tree)))
    if outgoing is not None:
        given = *_below(tree, "outgoing", "policies", "policy_files", "policy_table"), maps
        tables.append(kept.once("outgoing table", given, lambda: _outgoing(outgoing, tree, maps)))
    return tuple(table for table in tables if table.rows)


def _below(tree: Mapping, section: str, *keys: str) -> tuple[object, ...]:
    """The key of a section, and some of what stands below it."""
    return tree.entries[section].key, *(entry_at(tree, section, key) for key in keys)


def _outgoing(outgoing: Outgoing, tree: Mapping, maps: MappingOf[str, tuple[MapRow, ...]]) -> DesiredTable:
    rows = _policies(outgoing, tree, maps)
    origin = origin_at(tree, "outgoing", "policies" if outgoing.policies else "policy_files")
    made = _table(outgoing.policy_table, rows, ("smtp_tls_policy_maps", ""), Part.OUTGOING_POLICIES, origin)
    return replace(made, policy_file=_only_file(outgoing))


def served(certificate: Certificate) -> tuple[str, ...]:
    """The PEM files with key and chain; a certbot lineage is put together in one of ours."""
    if certificate.certbot:
        return (f"tls/{posixpath.basename(certificate.certbot)}.pem",)
    return certificate.chain_files or ()


def _server_names(file: HostFile, tree: Mapping) -> DesiredTable:
    """The certificates of names other than the host's own (SNI).

    Source: postconf(5), tls_server_sni_maps; postmap(1), -F.
    """
    rows = tuple(
        DesiredRow(name, ", ".join(served(certificate)), key_origin_at(tree, "certificates", name))
        for name, certificate in (file.certificates or {}).items()
        if isinstance(certificate, Certificate) and name != "default"
    )
    origin = origin_at(tree, "certificates")
    return DesiredTable(SERVER_NAMES, None, rows, "tls_server_sni_maps", "", Part.CERTIFICATES, origin, of_files=True)


def _incoming(policies: IncomingPolicies, tree: Mapping) -> Iterator[DesiredTable]:
    where = ("incoming", "policies")
    part = Part.INCOMING_POLICIES
    senders = _placed(policies.senders or (), tree, (*where, "senders"))
    clients = _placed(policies.clients or (), tree, (*where, "clients"))
    networks = [(client, origin) for client, origin in clients if readers.is_network(client)]
    names = [(client, origin) for client, origin in clients if not readers.is_network(client)]
    origin = origin_at(tree, *where, "senders")
    place = ("smtpd_sender_restrictions", "check_sender_access")
    yield _table(policies.sender_table, _with_subdomains(senders), place, part, origin)
    origin = origin_at(tree, *where, "clients")
    place = ("smtpd_client_restrictions", "check_client_access")
    rows = tuple(DesiredRow(client, REJECT, at) for client, at in networks)
    path = policies.client_table.removeprefix("cidr:")
    yield _table(f"cidr:{path}", rows, place, part, origin)
    yield _table(policies.client_name_table, _with_subdomains(names), place, part, origin)


def _placed(items: Iterable[str], tree: Mapping, path: tuple[str, ...]) -> list[tuple[str, Origin]]:
    """The items with where they stand, each once."""
    entry = entry_at(tree, *path)
    nodes = entry.value.items if entry is not None and isinstance(entry.value, Sequence) else ()
    placed: dict[str, Origin] = {}
    for item, node in zip(items, nodes, strict=True):
        if item not in placed:
            placed[item] = node.origin
    return list(placed.items())


def _with_subdomains(items: Iterable[tuple[str, Origin]]) -> tuple[DesiredRow, ...]:
    """`domain` and `.domain`: the second works where parent_domain_matches_subdomains leaves smtpd_access_maps out."""
    rows: dict[str, DesiredRow] = {}
    for item, origin in items:
        for key in (item,) if "@" in item else (item, f".{item}"):
            rows.setdefault(key, DesiredRow(key, REJECT, origin))
    return tuple(rows.values())


def _table(
    reference: str, rows: tuple[DesiredRow, ...], place: tuple[str, str], part: Part, origin: Origin
) -> DesiredTable:
    kind, colon, path = reference.rpartition(":")
    return DesiredTable(
        path=path,
        type=TableType(kind) if colon else None,
        rows=rows,
        parameter=place[0],
        before=place[1],
        part=part,
        origin=origin,
    )


def _policies(outgoing: Outgoing, tree: Mapping, maps: MappingOf[str, tuple[MapRow, ...]]) -> tuple[DesiredRow, ...]:
    """The rows for destinations: those of the host file first, and they win over those of policy files."""
    rows: dict[str, DesiredRow] = {}
    entry = entry_at(tree, "outgoing", "policies")
    written = entry.value.entries if entry is not None and isinstance(entry.value, Mapping) else {}
    for key, item in written.items():
        nexthop = str(converted(readers.nexthop, key))
        if nexthop in rows:
            raise _twice(item.key.origin.position, f"outgoing.policies.{key}", rows[nexthop].origin)
        value = (outgoing.policies or {})[nexthop]
        rows[nexthop] = DesiredRow(nexthop, value, item.key.origin)
    return tuple((rows | dict(_from_files(outgoing, tree, maps, rows.keys()))).values())


def _only_file(outgoing: Outgoing) -> str:
    """The policy file that says all there is to say, if one does."""
    named = outgoing.policy_files or ()
    return named[0] if len(named) == 1 and not outgoing.policies else ""


def _from_files(
    outgoing: Outgoing, tree: Mapping, maps: MappingOf[str, tuple[MapRow, ...]], inline: Iterable[str]
) -> dict[str, DesiredRow]:
    known = frozenset(inline)
    rows: dict[str, DesiredRow] = {}
    problems: list[Problem] = []
    for index, path in enumerate(outgoing.policy_files or ()):
        layer = _layer_of(tree, index)
        for row in maps.get(path, ()):
            here = Origin(Position(path, row.line), layer)
            first = rows.get(row.key)
            if first is not None and first.value != row.value:
                problems += _twice(here.position, row.key, first.origin).problems
            elif first is None and row.key not in known:
                rows[row.key] = DesiredRow(row.key, row.value, here)
    if problems:
        raise StateInvalid(tuple(problems))
    return rows


def _layer_of(tree: Mapping, index: int) -> str:
    entry = entry_at(tree, "outgoing", "policy_files")
    if entry is not None and isinstance(entry.value, Sequence) and index < len(entry.value.items):
        return entry.value.items[index].source.layer
    return key_origin_at(tree, "outgoing").layer


def _twice(position: Position, what: str, first: Origin) -> StateInvalid:
    fix = "keep one of them"
    return StateInvalid((Problem(position, f"{what}: this destination has a policy already, at {first}", fix),))
