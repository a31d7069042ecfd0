"""A live host as it may be published, and a published one as a live host again: both plan the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field

from reconciler.frozen import dataclass, replace
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
from reconciler.live.redaction import (
    KEPT,
    POLICIES,
    Redaction,
    Referred,
    is_login,
    may_follow,
    references,
    table_words,
)
from reconciler.model import address as addresses
from reconciler.model.address import (
    Address,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.published import FORMAT_VERSION, Published, PublishedEntry, PublishedPem, PublishedTable
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot
from reconciler.postfix import catalogue, restrictions, scope, table, values
from reconciler.postfix.table import Row, TableType
from reconciler.postfix.values import CLIENT_LEVELS

MAXIMUM_ROWS = 5_000  # of one table; beyond, its rows stay on the host
_REJECT = "reject_plaintext_session"
_MODE = 0o644
EXPECTED = (
    "tls_policy",
    "tls_senders",
    "tls_clients",
    "tls_client_names",
    "tls_sni",
)  # where tables of ours lie by default


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose snapshot it is. `secret` makes the marks of what stays on the host, and stays there itself."""

    host: str
    instance: str
    secret: bytes = field(repr=False)


def published(live: LiveConfig, last: LastApplied, owner: Owner, *, present: Iterable[str] = ()) -> Published:
    """What planning needs of this instance, and nothing else. `present` are files that were found where asked for."""
    snapshot = live.snapshot
    ours = _Tables(live, last)
    redaction = Redaction(owner.secret, ours.words, _meaning(live))
    return Published(
        format_version=FORMAT_VERSION,
        host=owner.host,
        instance=owner.instance,
        config_directory=snapshot.config_directory,
        taken=snapshot.now,
        mail_version=snapshot.mail_version,
        running=snapshot.master_pid is not None,
        table_types=tuple(sorted(snapshot.table_types)),
        sasl_server_types=tuple(sorted(snapshot.sasl_server_types)),
        defaults=_defaults(live, redaction),
        main_cf=redaction.main(live.main, _referred(live, redaction)),
        master_cf=redaction.master(live.master),
        tables=tuple(ours.tables(redaction)),
        pems=tuple(PublishedPem(path, facts) for path, facts in sorted(snapshot.pems.items())),
        absent=tuple(sorted(snapshot.absent - ours.hidden)),
        present=tuple(sorted(present)),
        revision=last.revision,
        history=last.history,
        entries=tuple(_entries(last, redaction, ours.too_large)),
    )


def _meaning(live: LiveConfig) -> Callable[[str, str], str]:
    """A value expanded, and in its canonical form."""

    def canonical(name: str, value: str) -> str:
        try:
            return repr(values.canonical(name, live.view.expand(value)))
        except ValueError:
            return value

    return canonical


def _defaults(live: LiveConfig, redaction: Redaction) -> str:
    """`postconf -d` of the scope, and of what its values refer to; marks for what services set outside of it."""
    known = live.defaults
    names = {name for name in known if name in KEPT or scope.in_scope(name)}
    pending = set(names)
    while pending:
        pending = {it for it in references(known[name] for name in pending) if it in known and may_follow(it)} - names
        names |= pending
    shown = {name: known[name] for name in known if name in names}
    foreign = {*catalogue.parameters(), *(it.name for service in live.master.services for it in service.options)}
    shown |= {name: redaction.parameter(name, known[name]) for name in sorted(foreign & known.keys() - names)}
    return "".join(f"{name} = {value}".rstrip(" ") + "\n" for name, value in shown.items())


def _referred(live: LiveConfig, redaction: Redaction) -> dict[str, Referred]:
    """The parameters of main.cf that values in clear refer to, and those refer to, but none that says who may relay."""
    found: dict[str, Referred] = {}
    options = ((option.name, option.value) for service in live.master.services for option in service.options)
    pending = [(name, redaction.parameter(name, value)) for name, value in (*live.explicit.items(), *options)]
    pending.sort(key=lambda it: is_login(it[0]))  # these are taken first: what they refer to is shown to nobody
    while pending:
        holder, value = pending.pop()
        of_list = holder.endswith("_restrictions") or found.get(holder) is Referred.IN_RESTRICTIONS
        of_logins = is_login(holder) or found.get(holder) is Referred.IN_LOGINS
        for name in references((value,)):
            if name not in live.explicit or name in found or not may_follow(name):
                continue
            found[name] = Referred.IN_RESTRICTIONS if of_list else Referred.IN_SCOPE
            found[name] = Referred.IN_LOGINS if of_logins else found[name]
            value = live.explicit[name]  # of logins the whole is followed, to what it hides as well
            pending.append((name, value if of_logins else redaction.parameter(name, value, found[name])))
    return found


class _Tables:
    """The tables of a host that lie inside the scope."""

    def __init__(self, live: LiveConfig, last: LastApplied) -> None:
        self._live = live
        recorded = {it for it in last.entries if isinstance(it, TableAddress)}
        self._made = {live.path(it.path) for it in recorded if not last.entries[it].adopted}
        self._ours = {live.path(it.path) for it in recorded}
        rows = (it for it in last.entries if isinstance(it, RowAddress))
        self._rows = {(live.path(it.path), table.fold(_bytes(it.key))) for it in rows}
        lists = " ".join(live.explicit.get(name, "") for name in (POLICIES, "tls_server_sni_maps"))
        named = map(self._path, table_words(lists))
        self._policies = {path for path in named if path is not None}
        self._expected = {live.path(name) for name in EXPECTED}

    def _path(self, word: str) -> str | None:
        kind, _, path = word.removeprefix("proxy:").partition(":")
        try:
            return self._live.path(self._live.view.expand(path)) if kind in set(TableType) else None
        except ValueError:
            return None

    @property
    def words(self) -> frozenset[str]:
        """How restriction lists spell the tables that may be named in clear."""
        return frozenset(it for it in self._spelt() if self._may_be_named(self._path(it)))

    @property
    def hidden(self) -> frozenset[str]:
        """The paths of the other tables that restriction lists name: nor may another field name them."""
        paths = (self._path(it) for it in self._spelt())
        return frozenset(it for it in paths if it is not None and not self._may_be_named(it))

    def _spelt(self) -> Iterator[str]:
        live = self._live
        lists = [value for name, value in live.explicit.items() if name.endswith("_restrictions")]
        lists += [
            option.value
            for service in live.master.services
            for option in service.options
            if option.name.endswith("_restrictions")
        ]
        for text in lists:
            for element in restrictions.elements(text, with_arguments=True):
                yield from table_words(element.text)

    def _may_be_named(self, path: str | None) -> bool:
        """Those inside the scope, and where ours would lie: an element that names one is ours, whether it is there."""
        return path in self._expected or self._is_in_scope(path)

    def _is_in_scope(self, path: str | None) -> bool:
        if path is None:
            return False
        return path in self._ours or path in self._policies or self._demands(path)

    def _demands(self, path: str) -> bool:
        source = self._live.tables.get(path)
        return source is not None and any(self._is_demand(row) for row in source.rows.values())

    @property
    def too_large(self) -> frozenset[str]:
        """The tables whose rows stay on the host because there are too many, as addresses name them."""
        directory = self._live.snapshot.config_directory
        large = (path for path, source in self._live.tables.items() if len(source.rows) > MAXIMUM_ROWS)
        return frozenset(in_address(path, directory) for path in large)

    @staticmethod
    def _is_demand(row: Row) -> bool:
        return row.value.split()[:1] == [_REJECT.encode()]

    def tables(self, redaction: Redaction) -> Iterator[PublishedTable]:
        """Those inside the scope; of others only that they are there, where we would make ours."""
        for path, source in sorted(self._live.tables.items()):
            if not self._is_in_scope(path) and path not in self._expected:
                continue
            kind = self._live.snapshot.kinds.get(path, "")
            problem = (self._live.at(TableAddress(path)) or "").removeprefix(kind).strip(" ").removeprefix("(")
            made = PublishedTable(path, kind, "", problem=problem.removesuffix(")"))
            if len(source.rows) > MAXIMUM_ROWS:
                yield replace(made, left_out=len(source.rows), complete=False)
                continue
            rows = [self._row(path, node, redaction) if isinstance(node, Row) else "" for node in source.nodes]
            text = "".join(_lines(node.raw, row) for node, row in zip(source.nodes, rows, strict=True))
            yield replace(made, source=text, left_out=rows.count(None))

    def _row(self, path: str, row: Row, redaction: Redaction) -> str | None:
        """One row as it may leave the host, or None where it stays."""
        key, value = _text(row.key), _text(row.value)
        if path in self._policies:
            return f"{key} {_policy(value, redaction)}"
        ours = path in self._made or (path, table.fold(row.key)) in self._rows
        return f"{key} {_policy(value, redaction)}" if ours or self._is_demand(row) else None


def _policy(value: str, redaction: Redaction) -> str:
    """A row's answer; one that may be a login is none of the scope's."""
    words = value.split()
    first = words[0].lower() if words else ""
    name, colon, _ = first.partition(":")
    is_login = bool(colon) and "=" not in name and first not in CLIENT_LEVELS
    return redaction.mark("row", value) if is_login else value


def _lines(raw: bytes, shown: str | None) -> str:
    """As many lines as there were, the text on the first of them."""
    count = raw.count(b"\n")
    head = shown or ("#" if raw.strip() else "")
    rest = ["#"] * (count - 1 + (0 if raw.endswith(b"\n") else 1))
    return "\n".join((head, *rest)) + ("\n" if raw.endswith(b"\n") else "")


def _entries(last: LastApplied, redaction: Redaction, too_large: frozenset[str]) -> Iterator[PublishedEntry]:
    for where, entry in sorted(last.entries.items(), key=lambda item: str(item[0])):
        if isinstance(where, RowAddress) and where.path in too_large:
            continue
        written, adopted = (
            None if value is None else _recorded(where, value, redaction) for value in (entry.written, entry.adopted)
        )
        yield PublishedEntry(str(where), written, adopted, entry.part)


def _recorded(where: Address, value: str, redaction: Redaction) -> str:
    match where:
        case ParameterAddress(name) | OptionAddress(_, name):
            return redaction.parameter(name, value)
        case ServiceAddress():
            return redaction.header(value)
        case RowAddress():
            return _policy(value, redaction)
        case _:
            return value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# --- and back -----------------------------------------------------------------------------------------------------


def as_host(seen: Published) -> HostSnapshot:
    """The published host as one that can be planned for."""
    directory = seen.config_directory
    sources = {f"{directory}/main.cf": seen.main_cf, f"{directory}/master.cf": seen.master_cf}
    sources |= {it.path: it.source for it in seen.tables}
    return HostSnapshot(
        config_directory=directory,
        files={path: _file(path, text) for path, text in sources.items()},
        now=seen.taken,
        mail_version=seen.mail_version,
        defaults=seen.defaults.encode("utf-8", "surrogateescape"),
        table_types=frozenset(seen.table_types),
        sasl_server_types=frozenset(seen.sasl_server_types),
        master_pid=1 if seen.running else None,
        absent=frozenset(seen.absent),
        kinds={it.path: it.type for it in seen.tables},
        compiled={it.path: CompiledTable(None, it.problem) for it in seen.tables if it.problem},
        pems={it.path: it.facts for it in seen.pems},
    )


def _file(path: str, text: str) -> FileState:
    return FileState(text.encode("utf-8", "surrogateescape"), _MODE, 0, 0, 0, path)


def as_record(seen: Published) -> LastApplied:
    """What was last applied there.

    Raises ValueError where an address is none.
    """
    entries = {addresses.parse(it.address): Applied(it.written, it.adopted, it.part) for it in seen.entries}
    return LastApplied(seen.config_directory, seen.revision, entries, seen.history)
