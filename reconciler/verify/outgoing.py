"""Outgoing policies read back from the tables that Postfix reads; no mail is needed for it.

Source: postmap(1); postconf(5), smtp_tls_policy_maps.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from reconciler.errors import CommandFailed
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
from reconciler.model.address import RowAddress, TableAddress
from reconciler.model.desired import DesiredState, DesiredTable
from reconciler.model.proof import Proof
from reconciler.plan.target import table_kinds
from reconciler.postfix import policy
from reconciler.postfix.effective import View
from reconciler.postfix.table import TableType, fold
from reconciler.postfix.values import split_list
from reconciler.verify import judge
from reconciler.verify.host import Host

NAME = "policy-compiled"
_POLICIES = "smtp_tls_policy_maps"
_CLIENTS = ("smtp", "relay")  # the services of a fresh master.cf
_ASKED_ONE_BY_ONE = 5  # rows; more are read in one dump, and told as a table


def policies(live: LiveConfig, desired: DesiredState, host: Host) -> Iterator[Proof]:
    """`policy-compiled`: each declared row is what a lookup gives, in a table that every smtp client is told to read.

    No map that is asked earlier answers in its place.
    """
    kinds = table_kinds(desired, live)
    for table in desired.tables:
        if table.parameter != _POLICIES:
            continue
        path = in_address(table.path, live.snapshot.config_directory)
        subject, expected = str(TableAddress(path)), f"{len(table.rows)} declared rows"
        if table.part not in desired.enforced:
            yield judge.left_out(NAME, subject, expected, f"{table.part.value} is only observed")
        elif hidden := _hidden(live, host, kinds[path], table):
            yield judge.failed(NAME, subject, expected, hidden)
        else:
            yield from _rows(host, kinds[path], live.path(table.path), table, path)


def _hidden(live: LiveConfig, host: Host, kind: TableType, table: DesiredTable) -> str:
    """Why an smtp client would not come to ask this table for each of its rows; empty where all do."""
    for where, view in _clients(live):
        named = [(it, *it.partition(":")[::2]) for it in split_list(view.get(_POLICIES))]
        ours = next((at for at, it in enumerate(named) if _is(live, it[1], it[2], kind, table)), None)
        if ours is None:
            return f"{where}{_POLICIES} does not name {kind.value}:{table.path}"
        for reference, other, path in named[:ours]:
            try:
                found = host.query_all(other, path, (row.key for row in table.rows))
            except CommandFailed as error:
                return f"{where}{reference} is asked first, and cannot be: {error}"
            for row in table.rows:
                if row.key in found and not same(row.value, found[row.key]):
                    return f"{where}{reference} is asked first, and answers for {row.key}: {found[row.key]}"
    return ""


def _clients(live: LiveConfig) -> Iterator[tuple[str, View]]:
    """What the smtp clients for mail to elsewhere read: main.cf, and each of their services that says otherwise.

    A client of another name is for those destinations that a transport map sends there, and may have its own tables.
    """
    yield "", live.view
    defaults = (live.view.get(name).partition(":")[0] for name in ("default_transport", "relay_transport"))
    for name in dict.fromkeys((*_CLIENTS, *defaults)):
        service = live.master.get(name, "unix")
        if service and posixpath.basename(service.command) == "smtp":
            view = live.view_of(service)
            if view.get(_POLICIES) != live.view.get(_POLICIES):
                yield f"of {name}/unix in master.cf: ", view


def _is(live: LiveConfig, kind: str, path: str, ours: TableType, table: DesiredTable) -> bool:
    """Whether a reference is to this table, however it is spelled."""
    return kind == ours.value and live.path(path) == live.path(table.path)


def _rows(host: Host, kind: TableType, path: str, table: DesiredTable, name: str) -> Iterator[Proof]:
    if len(table.rows) > _ASKED_ONE_BY_ONE and kind.indexed:
        yield _whole(host, kind, path, table, name)
        return
    for row in table.rows:
        subject = str(RowAddress(name, row.key))
        try:
            found = host.query(kind.value, path, row.key)
        except CommandFailed as error:
            yield judge.failed(NAME, str(TableAddress(name)), f"{len(table.rows)} declared rows", str(error))
            return  # a table that cannot be opened costs postmap a second for every row
        observed = "no such row" if found is None else found
        yield judge.decide(same(row.value, found), NAME, subject, row.value, observed)


def _whole(host: Host, kind: TableType, path: str, table: DesiredTable, name: str) -> Proof:
    """All rows at once, from one dump."""
    subject, expected = str(TableAddress(name)), f"{len(table.rows)} declared rows"
    try:
        dumped = host.dump(kind.value, path)
    except CommandFailed as error:
        return judge.failed(NAME, subject, expected, str(error))
    pairs = (line.partition(b"\t") for line in dumped.split(b"\n") if line)
    compiled = {key: value.decode("utf-8", "surrogateescape") for key, _, value in pairs}
    wrong = [row.key for row in table.rows if not same(row.value, compiled.get(fold(row.key.encode())))]
    if not wrong:
        return judge.passed(NAME, subject, expected, f"{len(table.rows)} rows as declared, of {len(compiled)}")
    shown = ", ".join(wrong[:_ASKED_ONE_BY_ONE]) + (", …" if len(wrong) > _ASKED_ONE_BY_ONE else "")
    return judge.failed(NAME, subject, expected, f"{len(wrong)} rows differ or are absent: {shown}")


def same(declared: str, found: str | None) -> bool:
    """Whether two right-hand sides mean the same policy."""
    if found is None:
        return False
    try:
        return policy.canonical(declared) == policy.canonical(found)
    except ValueError:
        return declared == found
