"""The state as it shall be on this very host, address by address.

Settles what the repository leaves to the host: the table type it prefers, the protocol syntax its version reads, the
columns a new service takes from its neighbour, whether a certificate has to be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from datetime import datetime, timedelta

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address, joined
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.desired import (
    DesiredCertificate,
    DesiredParameter,
    DesiredRow,
    DesiredService,
    DesiredState,
    DesiredTable,
    Mirror,
    Origin,
    Part,
    SelfSigned,
)
from reconciler.model.plan import AssembleCertificate, MakeCertificate, Reason
from reconciler.plan import version
from reconciler.plan.certificates import lineage_files
from reconciler.postfix import endpoint, restrictions, values
from reconciler.postfix.table import TableType

LEGACY = tuple(f"smtpd_tls_{kind}{file}_file" for kind in ("", "d", "ec") for file in ("cert", "key"))
NEW_COLUMNS = ("n", "-", "-", "-", "-")
_FILES = ("_CAfile", "_CApath", "_chain_files", "_cert_file", "_key_file")
_RENEWAL = timedelta(days=30)
_TYPES = frozenset(kind.value for kind in TableType)
_PREFERRED = (TableType.HASH, TableType.LMDB, TableType.CDB, TableType.BTREE, TableType.TEXTHASH)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The value an address shall have; None is absence."""

    value: str | None
    part: Part
    origin: Origin
    reason: Reason = Reason.DECLARED
    detail: str = ""


@dataclass
class Target:
    """Everything declared, settled for one host. `problems` are what keeps it from being carried out.

    `in_place` are the records of what is wanted, was written and stands; all else is in `open`. `lines` are what the
    state says, for its digest.
    """

    wanted: dict[Address, Wanted] = field(default_factory=dict)
    in_place: dict[Address, Applied] = field(default_factory=dict)
    open: dict[Address, Wanted] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    kinds: dict[str, TableType] = field(default_factory=dict)  # by the path in addresses
    columns: dict[ServiceAddress, tuple[str, ...]] = field(default_factory=dict)
    names: dict[ServiceAddress, str] = field(default_factory=dict)  # as the state spells the endpoint
    certificates: dict[Address, MakeCertificate | AssembleCertificate] = field(default_factory=dict)
    of_files: set[str] = field(default_factory=set)  # tables that hold PEM files, by the path in addresses
    mirrors: dict[str, Mirror] = field(default_factory=dict)  # large tables that are one policy file, likewise
    unread: set[str] = field(default_factory=set)  # those of which only some rows are in `wanted`
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: Target) -> None:
        """What one more declaration says."""
        self.wanted |= other.wanted
        self.in_place |= other.in_place
        self.open |= other.open
        self.lines += other.lines
        self.problems += other.problems
        self.kinds |= other.kinds
        self.columns |= other.columns
        self.names |= other.names
        self.certificates |= other.certificates
        self.of_files |= other.of_files
        self.mirrors |= other.mirrors
        self.unread |= other.unread


def table_kinds(desired: DesiredState, live: LiveConfig) -> dict[str, TableType]:
    """The type of each declared table by its path: as declared, else as the host names it, else as it prefers."""
    directory = live.snapshot.config_directory
    return {in_address(table.path, directory): _kind(table, live) for table in desired.tables}


def parameter(declared: DesiredParameter, live: LiveConfig) -> tuple[Wanted, tuple[Problem, ...]]:
    """A parameter of main.cf, and what keeps it from being set."""
    problems = *version.problems_of(declared, live), *_missing_files(declared, live)
    return Wanted(_value(declared, live), declared.part, declared.origin), problems


def _value(parameter: DesiredParameter, live: LiveConfig) -> str:
    if parameter.name.endswith("_protocols"):
        return values.protocols_for(parameter.value, live.version)
    return parameter.value


def declared_files(desired: DesiredState, live: LiveConfig) -> tuple[str, ...]:
    """The files that declared parameters name: without them Postfix turns TLS off and says so only in the log."""
    return tuple(path for parameter in desired.parameters for path in _files_of(parameter, live))


def _files_of(parameter: DesiredParameter, live: LiveConfig) -> tuple[str, ...]:
    if not parameter.name.endswith(_FILES) or parameter.part is Part.CERTIFICATES:
        return ()
    names = values.split_list(live.view.expand(parameter.value))
    return tuple(live.path(path) for path in names if path.lower() != "none")


def _missing_files(parameter: DesiredParameter, live: LiveConfig) -> Iterator[Problem]:
    """What the host says already blocks nothing, such as what was imported from it."""
    if not parameter.name.endswith(_FILES):
        return
    standing = live.explicit.get(parameter.name)
    if standing is not None and live.view.same(parameter.name, parameter.value, standing):
        return
    for path in _files_of(parameter, live):
        if path in live.snapshot.absent:
            what = f"{parameter.name}: {path}: there is no such file on this host"
            yield Problem(parameter.origin.position, what, "put it there, or name another")


# --- tables -------------------------------------------------------------------------------------------------------


def _kind(table: DesiredTable, live: LiveConfig) -> TableType:
    if table.type is not None:
        return table.type
    listed = live.view.get(table.parameter)
    path = live.path(table.path)
    for element in restrictions.elements(listed, with_arguments=bool(table.before)):
        kind, _, where = element.text.removeprefix(table.before).strip().removeprefix("proxy:").partition(":")
        if where == path and kind in _TYPES:
            return TableType(kind)
    preferred = live.view.get("default_database_type")
    if preferred in _TYPES and preferred in live.snapshot.table_types:
        return TableType(preferred)
    return next((kind for kind in _PREFERRED if kind in live.snapshot.table_types), TableType.TEXTHASH)


def files_of(row: DesiredRow, live: LiveConfig) -> tuple[str, ...]:
    """The files that a row names, absolute: postmap opens them, and knows no `$config_directory`."""
    return tuple(live.path(path) for path in values.split_list(row.value))


def table(target: Target, table: DesiredTable, live: LiveConfig) -> None:
    path = in_address(table.path, live.snapshot.config_directory)
    kind = target.kinds[path] = _kind(table, live)
    if live.snapshot.table_types and kind not in live.snapshot.table_types:
        what = f"this Postfix has no tables of type {kind}; it has {', '.join(sorted(live.snapshot.table_types))}"
        target.problems.append(Problem(table.origin.position, what, "name another type"))
    if path.startswith("/"):
        what = f"{path} lies outside the configuration directory, and the agent writes tables only there"
        fix = "write a path relative to the configuration directory"
        target.problems.append(Problem(table.origin.position, what, fix))
    target.of_files |= {path} if table.of_files else set()
    detail = ""
    if table.mirror is not None:
        target.mirrors[path] = table.mirror
        if len(table.rows) < table.mirror.rows or live.path(path) in live.snapshot.excerpts:
            target.unread.add(path)
        if target.unread and live.path(path) in live.snapshot.absent:
            detail = f"with the {table.mirror.rows} rows of {table.mirror.file}"
    target.wanted[TableAddress(path)] = Wanted(kind.value, table.part, table.origin, detail=detail)
    for row in table.rows:
        value = ", ".join(files_of(row, live)) if table.of_files else version.row_value(table, row.value, live)
        target.wanted[RowAddress(path, row.key)] = Wanted(value, table.part, row.origin)
    target.problems += version.problems_of_rows(table, live)
    element = f"{table.before} {kind}:$config_directory/{path}".strip()
    target.wanted[ElementAddress(table.parameter, element)] = Wanted(element, table.part, table.origin)


# --- services -----------------------------------------------------------------------------------------------------


def service(target: Target, service: DesiredService, live: LiveConfig, last: LastApplied) -> None:
    address = ServiceAddress(endpoint.canonical(service.name))
    if not service.enabled:
        target.wanted[address] = Wanted(None, service.part, service.origin, Reason.DISABLED)
        return
    target.names[address] = service.name
    target.wanted[address] = Wanted(_header(target, address, live, last), service.part, service.origin)
    for option in service.options:
        target.problems += version.problems_of(option, live)
        wanted = Wanted(_value(option, live), option.part, option.origin)
        target.wanted[OptionAddress(address, option.name)] = wanted


def _header(target: Target, address: ServiceAddress, live: LiveConfig, last: LastApplied) -> str:
    """The columns: those we wrote, of a service that we made; its own, of one we found; else its neighbour's."""
    standing = live.service(address)
    record = last.entries.get(address)
    if record and record.written is not None and record.adopted is None:
        target.columns[address] = tuple(record.written.split(" ")[:5])
        return record.written
    if standing is not None:
        target.columns[address] = standing.columns
        return " ".join((*standing.columns, "smtpd", *standing.other_arguments))
    neighbour = next((it for it in live.master.services if it.type == "inet" and it.command == "smtpd"), None)
    columns = (*NEW_COLUMNS[:2], neighbour.columns[2] if neighbour else "n", *NEW_COLUMNS[3:])
    target.columns[address] = columns
    return " ".join((*columns, "smtpd"))


# --- certificates -------------------------------------------------------------------------------------------------


def certificate(target: Target, certificate: DesiredCertificate, live: LiveConfig, last: LastApplied) -> None:
    position = certificate.origin.position
    files = certificate.chain_files or (certificate.certificate_file, certificate.key_file)
    missing = [path for path in files if live.at(FileAddress(path)) is None]
    if certificate.name == "default":
        _instead(target, certificate, live, last)
    if certificate.certbot and live.snapshot.pems.get(joined(lineage_files(certificate))):
        _assembled(target, certificate, live, last)
    elif certificate.certbot and not certificate.until_present:
        what = f"{certificate.certbot}: there is no lineage with privkey.pem and fullchain.pem on this host"
        fix = "let certbot make it, or write until_present: self_signed"
        target.problems.append(Problem(position, what, fix))
    elif certificate.until_present:
        _self_signed(target, certificate, certificate.until_present, live, last)
    elif missing:
        for path in missing:
            fix = "put it there, or write until_present: self_signed"
            target.problems.append(Problem(position, f"{live.path(path)}: there is no such file on this host", fix))

    else:
        for path in files:
            address = FileAddress(in_address(path, live.snapshot.config_directory))
            target.wanted[address] = Wanted(live.at(address), Part.CERTIFICATES, certificate.origin)


def _assembled(target: Target, certificate: DesiredCertificate, live: LiveConfig, last: LastApplied) -> None:
    """The chain file as the lineage makes it now: a renewal changes it, and so does a hand."""
    pem = live.snapshot.pems[joined(lineage_files(certificate))]
    address = FileAddress(in_address(certificate.chain_files[0], live.snapshot.config_directory))
    standing, record = live.at(address), last.entries.get(address)
    renewed = record is not None and standing is not None and record.written == standing
    reason = Reason.CERTIFICATE_RENEWED if renewed else Reason.DECLARED
    ends = f", until {pem.certificates[0].not_after:%Y-%m-%d}" if pem.certificates else ""
    detail = f"from {certificate.certbot}{ends}"
    target.wanted[address] = Wanted(pem.sha256, Part.CERTIFICATES, certificate.origin, reason, detail)
    sources = lineage_files(certificate)
    target.certificates[address] = AssembleCertificate(certificate.chain_files[0], sources, pem.sha256)


def _instead(target: Target, certificate: DesiredCertificate, live: LiveConfig, last: LastApplied) -> None:
    """Chain files and the older pairs exclude each other: with both set, Postfix warns and ignores the pairs."""
    others = LEGACY if certificate.chain_files else ("smtpd_tls_chain_files",)
    ignored = bool(certificate.chain_files and live.explicit.get("smtpd_tls_chain_files"))  # they already are
    for name in others:
        address = ParameterAddress(name)
        if (live.explicit.get(name) and not ignored) or address in last.entries:
            detail = f"{'smtpd_tls_chain_files' if certificate.chain_files else 'smtpd_tls_cert_file'} takes its place"
            target.wanted[address] = Wanted(None, Part.CERTIFICATES, certificate.origin, detail=detail)


def _self_signed(
    target: Target, certificate: DesiredCertificate, request: SelfSigned, live: LiveConfig, last: LastApplied
) -> None:
    files = certificate.chain_files or (certificate.certificate_file, certificate.key_file)
    missing = [path for path in files if live.at(FileAddress(path)) is None]
    addresses = [FileAddress(in_address(path, live.snapshot.config_directory)) for path in files]
    reason = Reason.CERTIFICATE_ABSENT
    if missing and len(missing) < len(files):
        what = f"{live.path(missing[0])} is missing beside {', '.join(set(files) - set(missing))}"
        target.problems.append(Problem(certificate.origin.position, what, "put it there, or remove the other one"))
        return
    if not missing and not _expires_soon(addresses, live, last):
        for address in addresses:
            target.wanted[address] = Wanted(live.at(address), Part.CERTIFICATES, certificate.origin)
        return
    if not missing:
        reason = Reason.CERTIFICATE_EXPIRING
    made = MakeCertificate(
        chain_file=certificate.chain_files[0] if certificate.chain_files else "",
        certificate_file=certificate.certificate_file,
        key_file=certificate.key_file,
        request=request,
    )
    value = f"self-signed for {', '.join(request.names)}, {request.lifetime.days} days"
    for address in addresses:
        target.wanted[address] = Wanted(value, Part.CERTIFICATES, certificate.origin, reason)
        target.certificates[address] = made


def _expires_soon(addresses: list[FileAddress], live: LiveConfig, last: LastApplied) -> bool:
    """Whether it is one that we made, still lies there as made, and ends within a month or a third of its life."""
    ends: list[bool] = []
    for address in addresses:
        record, pem = last.entries.get(address), live.snapshot.pems.get(live.path(address.path))
        if record is None or pem is None or record.adopted is not None or record.written != pem.sha256:
            return False
        ends += [_close(it.not_before, it.not_after, live.snapshot.now) for it in pem.certificates]
    return any(ends)


def _close(start: datetime, end: datetime, now: datetime) -> bool:
    return end - now < min(_RENEWAL, (end - start) / 3)
