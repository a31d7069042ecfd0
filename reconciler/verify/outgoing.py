"""Outgoing policies read back from the tables that Postfix reads; no mail is needed for it.

Source: postmap(1); postconf(5), smtp_tls_policy_maps.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.errors import CommandFailed
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
from reconciler.model.address import RowAddress, TableAddress
from reconciler.model.desired import DesiredState, DesiredTable
from reconciler.model.proof import Proof
from reconciler.plan.target import table_kinds
from reconciler.postfix import policy
from reconciler.postfix.table import TableType, fold
from reconciler.postfix.values import split_list
from reconciler.verify import judge
from reconciler.verify.host import Host

NAME = "policy-compiled"
_POLICIES = "smtp_tls_policy_maps"
_ASKED_ONE_BY_ONE = 5  # rows; more are read in one dump, and told as a table


def policies(live: LiveConfig, desired: DesiredState, host: Host) -> Iterator[Proof]:
    """`policy-compiled`: each declared row is what a lookup gives, in a table that the smtp client is told to read."""
    kinds = table_kinds(desired, live)
    for table in desired.tables:
        if table.parameter != _POLICIES:
            continue
        path = in_address(table.path, live.snapshot.config_directory)
        subject, expected = str(TableAddress(path)), f"{len(table.rows)} declared rows"
        if table.part not in desired.enforced:
            yield judge.left_out(NAME, subject, expected, f"{table.part.value} is only observed")
        elif not _is_read(live, kinds[path], table):
            yield judge.failed(NAME, subject, expected, f"{_POLICIES} does not name {kinds[path].value}:{table.path}")
        else:
            yield from _rows(host, kinds[path], live.path(table.path), table, path)


def _is_read(live: LiveConfig, kind: TableType, table: DesiredTable) -> bool:
    """Whether main.cf names the table, however it spells it."""
    named = split_list(live.view.get(_POLICIES))
    parts = (reference.partition(":") for reference in named)
    return any(it[0] == kind.value and live.path(it[2]) == live.path(table.path) for it in parts)


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
