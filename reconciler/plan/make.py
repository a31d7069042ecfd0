"""One plan for one instance."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from reconciler import __version__
from reconciler.errors import PlanRefused
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.live.paths import joined
from reconciler.model.address import (
    Address,
    FileAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
    sort_key,
)
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import (
    Action,
    AssembleCertificate,
    BuildTable,
    Change,
    Disruption,
    Edit,
    MakeCertificate,
    Plan,
    Reason,
    Reload,
    Warned,
)
from reconciler.plan import mirrors, version
from reconciler.plan.certificates import faults, lineage_files
from reconciler.plan.diff import NOTHING, compare
from reconciler.plan.edit import edits
from reconciler.plan.guards import CHAIN, judge
from reconciler.plan.settled import Settled, settle
from reconciler.plan.target import Target, declared_files, files_of, table_kinds
from reconciler.postfix.table import TableType
from reconciler.postfix.values import split_list

_REMEMBERED = 50  # states


@dataclass(frozen=True, slots=True)
class Interests:
    """What a plan needs to see of the host beyond main.cf and master.cf, as absolute paths."""

    tables: dict[str, str]  # path → type
    pems: tuple[str, ...]
    files: tuple[str, ...] = ()  # only whether they are there


def interests(desired: DesiredState, live: LiveConfig, last: LastApplied) -> Interests:
    """The tables and PEM files that the state declares, that were once managed, or that smtpd serves now."""
    tables = {live.path(path): kind.value for path, kind in table_kinds(desired, live).items()}
    for address, entry in last.entries.items():
        if isinstance(address, TableAddress) and entry.written:
            tables.setdefault(live.path(address.path), entry.written.partition(" ")[0])
    declared = [
        path
        for certificate in desired.certificates
        for path in (*certificate.chain_files, certificate.certificate_file, certificate.key_file)
        if path
    ]
    lineages = [joined(lineage_files(certificate)) for certificate in desired.certificates if certificate.certbot]
    named = [joined(files_of(row, live)) for table in desired.tables if table.of_files for row in table.rows]
    managed = [address.path for address in last.entries if isinstance(address, FileAddress)]
    served = [path for name in CHAIN for path in split_list(live.view.get(name)) if path.lower() != "none"]
    pems = tuple(dict.fromkeys(live.path(path) for path in (*declared, *lineages, *named, *managed, *served)))
    return Interests(tables, pems, declared_files(desired, live))


def plan(
    desired: DesiredState,
    live: LiveConfig,
    last: LastApplied,
    *,
    revision: str,
    origin: str,
    held: frozenset[Address] = frozenset(),
    unserved: Mapping[str, str] = NOTHING,
) -> Plan:
    """The smallest change that takes `live` to `desired`; addresses that are `held` are left as they are for now.

    `unserved` has, by the path of a certificate file, what sessions are given in place of what it holds.

    Raises PlanRefused, with every problem, where the state cannot be carried out on this host.
    """
    desired, live, last = mirrors.left_alone(desired, live, last, held)
    return plan_on(Settled(live, last), desired, revision=revision, origin=origin, held=held, unserved=unserved)


def plan_on(
    host: Settled,
    desired: DesiredState,
    *,
    revision: str,
    origin: str,
    held: frozenset[Address] = frozenset(),
    unserved: Mapping[str, str] = NOTHING,
) -> Plan:
    """The same on a host that other states may have been settled for: what they share is not settled again.

    Raises PlanRefused.
    """
    live, last = host.live, host.last
    target = settle(desired, host)
    if target.problems:
        raise PlanRefused(tuple(target.problems))
    comparison = compare(target, desired.enforced, host, held=held, unserved=unserved)
    changes = tuple(sorted(comparison.changes, key=lambda change: sort_key(change.address)[0]))
    written = edits(changes, comparison, target, live)
    kept = mirrors.recorded(written, target, live, last, comparison.record)
    shown = sum(len(live.tables[path].rows) for path in live.snapshot.excerpts)
    state = _state_digest(target)
    return Plan(
        host=desired.host,
        instance=desired.instance,
        config_directory=live.snapshot.config_directory,
        mail_version=live.snapshot.mail_version,
        revision=revision,
        origin=origin,
        now=live.snapshot.now.isoformat(),
        digest=_digest(desired, live, written, changes, revision),
        changes=changes,
        drift=tuple(comparison.drift),
        observed=tuple(comparison.observed),
        warnings=(*_file_warnings(live), *_certificate_warnings(desired, live), *version.warnings(changes, live)),
        guards=judge(comparison, desired, target, live, None if state in last.history else last.managed - shown),
        actions=tuple(_actions(changes, written, target, desired, live)),
        edits=written,
        certificates=_made(changes, target),
        record=mirrors.without_rows(comparison.record, kept),
        history=(*(it for it in last.history if it != state), state)[-_REMEMBERED:],
        matching=comparison.matching + _not_shown(target, live),
        mirrors=kept,
    )


def _state_digest(target: Target) -> str:
    """What makes two states the same one: every enforced address with its value, and files as a whole."""
    lines = sorted((*target.lines, *(f"{TableAddress(path)} {it.sha256}" for path, it in target.mirrors.items())))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _not_shown(target: Target, live: LiveConfig) -> int:
    """The rows that are as declared, and that excerpts leave out."""
    paths = [path for path in target.unread if live.path(path) in live.snapshot.excerpts]
    rows = Counter(it.path for it in target.wanted if isinstance(it, RowAddress)) if paths else Counter[str]()
    return sum(target.mirrors[path].rows - rows[path] for path in paths)


def _made(changes: Iterable[Change], target: Target) -> tuple[MakeCertificate | AssembleCertificate, ...]:
    asked = (target.certificates.get(change.address) for change in changes if _is_written(change))
    return tuple(dict.fromkeys(made for made in asked if made is not None))


def _is_written(change: Change) -> bool:
    return not change.forget and change.reason is not Reason.CERTIFICATE_NOT_SERVED


# --- actions ------------------------------------------------------------------------------------------------------


def _actions(
    changes: tuple[Change, ...], written: tuple[Edit, ...], target: Target, desired: DesiredState, live: LiveConfig
) -> Iterator[Action]:
    touched = {edit.path for edit in written if edit.after is not None}
    stale = {change.address.path for change in changes if isinstance(change.address, TableAddress) and change.after}
    holding = set(_holding(changes, desired, live))
    for path, kind in target.kinds.items():
        where = live.path(path)
        if kind.compiled and (where in touched or path in stale or where in holding):
            held = "a file that it holds changes" if where in holding else "it differs from its source"
            why = "its rows change" if where in touched else held
            yield BuildTable(kind.value, where, why, of_files=path in target.of_files)
    for path in sorted(touched - {live.path(path) for path in target.kinds}):
        kind_of_found = live.snapshot.kinds.get(path, "")
        if kind_of_found and TableType(kind_of_found).compiled:
            yield BuildTable(kind_of_found, path, "its rows change")
    reloading = [change for change in changes if change.disruption is Disruption.RELOAD]
    if reloading:
        yield Reload(_why_reload(reloading))


def _holding(changes: tuple[Change, ...], desired: DesiredState, live: LiveConfig) -> Iterator[str]:
    """The tables that hold the content of a certificate file which is written with these changes."""
    made = {live.path(it.address.path) for it in changes if isinstance(it.address, FileAddress) and _is_written(it)}
    for table in desired.tables:
        if table.of_files and any(made.intersection(files_of(row, live)) for row in table.rows):
            yield live.path(table.path)


def _why_reload(changes: list[Change]) -> str:
    first, others = str(changes[0].address), len(changes) - 1
    subject = f"{first} and {others} more take" if others else f"{first} takes"
    return f"{subject} effect with a reload"


# --- what else there is to say ------------------------------------------------------------------------------------


def _file_warnings(live: LiveConfig) -> Iterator[Warned]:
    for entry in live.main.duplicates():
        name = entry.name.decode("utf-8", "replace")
        text = f"{live.path('main.cf')}:{entry.line}: {name} stands here and again below; Postfix takes the last"
        yield Warned("duplicate", ParameterAddress(name), text)
    for service in live.master.duplicates():
        where = ServiceAddress(*service.key)
        text = f"{live.path('master.cf')}:{service.line}: {where} stands here and again below; master(8) takes the last"
        yield Warned("duplicate", where, text)
    for name, document in (("main.cf", live.main), ("master.cf", live.master)):
        for bad in document.malformed:
            yield Warned("malformed", None, f"{live.path(name)}:{bad.line}: {bad.what}")


def _certificate_warnings(desired: DesiredState, live: LiveConfig) -> Iterator[Warned]:
    for certificate in desired.certificates:
        for fault in faults(certificate, live):
            yield Warned(fault.rule, fault.address, f"{live.path(fault.address.path)}: {fault.text}")


def _digest(
    desired: DesiredState, live: LiveConfig, written: tuple[Edit, ...], changes: tuple[Change, ...], revision: str
) -> str:
    """One value for everything the plan was made from and everything it would do."""
    parts = [__version__, revision, desired.host, desired.instance, live.snapshot.config_directory]
    parts += [
        f"{path} {hashlib.sha256(state.content).hexdigest()}" for path, state in sorted(live.snapshot.files.items())
    ]
    parts += [f"{it.path} {hashlib.sha256(it.after or b'').hexdigest()} {it.after is None}" for it in written]
    parts += [f"{it.address} {it.before!r} {it.after!r} {it.reason}" for it in changes]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
