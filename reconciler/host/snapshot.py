"""HostSnapshot: one instance read at one moment. Nothing is written, and nothing is judged."""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from reconciler.errors import HostUnreadable
from reconciler.frozen import replace
from reconciler.host import certificates, files, master
from reconciler.host.command import Output, Running
from reconciler.host.installation import Installed, identity, installed
from reconciler.host.programs import Facts, Postfix, nothing
from reconciler.model.snapshot import FILES_DIGEST, CompiledTable, FileState, HostSnapshot, PemFile
from reconciler.postfix import cdb, main_cf
from reconciler.postfix.effective import View, parse_defaults
from reconciler.postfix.table import TableType, compiled_path

_COMPILED = frozenset(kind.value for kind in TableType if kind.compiled)
_AT_ONCE = 8  # postmap processes


def take(
    config_directory: str,
    *,
    now: datetime,
    tables: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    pems: Iterable[str] = (),
    known: Installed | None = None,
    meanwhile: Callable[[], None] = nothing,
) -> HostSnapshot:
    """Read an instance: main.cf, master.cf, what Postfix says of itself, and what else is asked for.

    `tables` are paths of sources with their types. Relative paths begin at the configuration directory. What is `known`
    of this very Postfix is not asked for again; where it has to be, `meanwhile` is called while it answers.

    Raises HostUnreadable where main.cf or master.cf cannot be had, CommandFailed where Postfix is not installed.
    """
    directory = posixpath.abspath(config_directory)
    found = {path: _required(path) for path in _documents(directory)}
    return extend(_instance(directory, found, now, known, meanwhile), tables=tables, pems=pems)


def take_remains(config_directory: str, *, now: datetime) -> HostSnapshot:
    """As `take`, where one of main.cf and master.cf may be missing; that one is in `absent`.

    Raises HostUnreadable where both are, or what is there cannot be read.
    """
    directory = posixpath.abspath(config_directory)
    states = {path: files.read(path) for path in _documents(directory)}
    found = {path: state for path, state in states.items() if state is not None}
    if not found:
        raise HostUnreadable(f"{directory}: neither main.cf nor master.cf is there; is a Postfix configured here?")
    return replace(_instance(directory, found, now), absent=frozenset(states.keys() - found.keys()))


def _documents(directory: str) -> tuple[str, str]:
    return f"{directory}/main.cf", f"{directory}/master.cf"


def postfix_of(snapshot: HostSnapshot) -> Installed:
    """What a snapshot knows of the Postfix itself, for later ones."""
    facts = Facts(snapshot.defaults, snapshot.mail_version, snapshot.table_types, snapshot.sasl_server_types)
    main = snapshot.files.get(f"{snapshot.config_directory}/main.cf")
    return Installed(identity(_meta_directory(_explicit(main) if main else {}), facts), facts)


def _meta_directory(explicit: Mapping[str, str]) -> str:
    return View(explicit, {}).get("meta_directory")


def _instance(
    directory: str,
    found: Mapping[str, FileState],
    now: datetime,
    known: Installed | None = None,
    meanwhile: Callable[[], None] = nothing,
) -> HostSnapshot:
    main = found.get(f"{directory}/main.cf")
    explicit = _explicit(main) if main else {}
    facts = installed(directory, _meta_directory(explicit), known, meanwhile).facts
    return HostSnapshot(
        config_directory=directory,
        files=found,
        now=now,
        mail_version=facts.mail_version,
        defaults=facts.defaults,
        table_types=facts.table_types,
        sasl_server_types=facts.sasl_server_types,
        master_pid=master.pid(queue_directory(directory, explicit, facts.defaults), directory),
    )


def extend(
    snapshot: HostSnapshot,
    *,
    tables: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    pems: Iterable[str] = (),
    known: Mapping[str, PemFile] = MappingProxyType({}),
    present: Iterable[str] = (),
) -> HostSnapshot:
    """The same moment, with more tables and PEM files; of `present` only whether they are there.

    `known` are facts by the digest of their file: what was parsed once need not be parsed again.
    """
    directory = snapshot.config_directory
    pairs = tables.items() if isinstance(tables, Mapping) else tables
    kinds = {_absolute(path, directory): kind for path, kind in pairs}
    sources = {path: files.read(path) for path in kinds}
    wanted = {_absolute(path, directory) for path in pems}
    chains = {path: _pem(path, known) for path in sorted(wanted)}
    found = {path: state for path, state in sources.items() if state is not None}
    return replace(
        snapshot,
        files={**snapshot.files, **found},
        kinds={**snapshot.kinds, **{path: kinds[path] for path in found}},
        compiled={**snapshot.compiled, **compiled(directory, {path: kinds[path] for path in found})},
        pems={**snapshot.pems, **{path: pem for path, pem in chains.items() if pem is not None}},
        absent=snapshot.absent
        | {path for path, state in sources.items() if state is None}
        | {path for path, pem in chains.items() if pem is None}
        | {path for path in present if not Path(path).exists()},
    )


def _pem(path: str, known: Mapping[str, PemFile]) -> PemFile | None:
    """The facts of a file, from what is known of its content, else parsed."""
    if known:
        try:
            state = files.read_joined(path.split(" "))
        except HostUnreadable:
            state = None
        found = known.get(hashlib.sha256(state.content).hexdigest()) if state else None
        if state is not None and found is not None:
            return replace(found, mode=state.mode, uid=state.uid)
    return certificates.read_pem(path)


def queue_directory(config_directory: str, explicit: Mapping[str, str], defaults: bytes) -> str:
    """Where an instance keeps its queue, from the parameters of its main.cf and the defaults of its Postfix."""
    known = {**parse_defaults(defaults), "config_directory": config_directory}
    return View(explicit, known).get("queue_directory")


def compiled(config_directory: str, kinds: Mapping[str, str]) -> dict[str, CompiledTable]:
    """What postmap made of each table source (path to type) whose type it compiles, several dumped at once."""
    wanted = [(path, TableType(kind)) for path, kind in kinds.items() if kind in _COMPILED]
    tables: dict[str, CompiledTable] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        batch = wanted[start : start + _AT_ONCE]
        missing = [path for path, kind in batch if not Path(compiled_path(kind, path)).exists()]
        tables |= {path: CompiledTable(None, "not built") for path in missing}
        there = [it for it in batch if it[0] not in missing]
        marks = {path: _mark(compiled_path(kind, path)) for path, kind in there}
        known = {path: _SEEN[path][1] for path, mark in marks.items() if path in _SEEN and _SEEN[path][0] == mark}
        tables |= known
        there = [it for it in there if it[0] not in known]
        tables |= {path: _constant(compiled_path(kind, path)) for path, kind in there if kind is TableType.CDB}
        dumped = dict(_dumps(Postfix(config_directory), [it for it in there if it[1] is not TableType.CDB]))
        for path, table in dumped.items():
            _keep(path, marks[path], table)
        tables |= dumped
    return tables


_Mark = tuple[int, int, int, int]  # size, mtime, inode, ctime
_SEEN: dict[str, tuple[_Mark, CompiledTable]] = {}  # of this process: a dump is a program to start
_SMALL, _MANY = 1 << 18, 64  # bytes of a table, and tables: what a long-running process keeps
_SETTLED_NS = 2 * 10**9  # a file that was written a moment ago may be written again under the same time


def _mark(path: str) -> _Mark:
    try:
        about = os.stat(path)  # noqa: PTH116 - beside fingerprints, which do the same
    except OSError:
        return 0, 0, 0, 0
    return about.st_size, about.st_mtime_ns, about.st_ino, about.st_ctime_ns


def _keep(path: str, mark: _Mark, table: CompiledTable) -> None:
    _SEEN.pop(path, None)
    is_settled = time.time_ns() - max(mark[1], mark[3]) > _SETTLED_NS
    if table.rows is not None and mark[0] <= _SMALL and is_settled and len(_SEEN) < _MANY:
        _SEEN[path] = mark, table


def made(postfix: Postfix, kind: str, path: str) -> CompiledTable:
    """What postmap made of one source."""
    if kind == TableType.CDB:
        return _constant(compiled_path(TableType.CDB, path))
    return rows(postfix.dumping(kind, path).finish())


def _constant(path: str) -> CompiledTable:
    try:
        state = files.read(path)
        return _table(cdb.rows(state.content)) if state else CompiledTable(None, "not built")
    except (HostUnreadable, ValueError) as error:
        return CompiledTable(None, str(error).removeprefix(f"{path}: "))


def _dumps(postfix: Postfix, batch: list[tuple[str, TableType]]) -> Iterator[tuple[str, CompiledTable]]:
    running: list[tuple[str, Running]] = []
    try:
        for path, kind in batch:
            running.append((path, postfix.dumping(kind.value, path)))
        for path, program in running:
            yield path, rows(program.finish())
    finally:
        for _, program in running:
            program.close()


def rows(dump: Output) -> CompiledTable:
    """The output of `postmap -s` as rows, or its complaint."""
    if dump.status != 0:
        return CompiledTable(None, dump.complaint or f"postmap: exit status {dump.status}")
    pairs = (line.partition(b"\t") for line in dump.stdout.split(b"\n") if line)
    return _table({key: value for key, _, value in pairs})


def _table(found: Mapping[bytes, bytes]) -> CompiledTable:
    return CompiledTable({key: _without_keys(value) for key, value in found.items()})


_PEM = b"-----BEGIN "
_SHORTEST_PEM = 64  # bytes in base64: other values are not worth a look


def _without_keys(value: bytes) -> bytes:
    """What `postmap -F` put in, base64 of PEM files with private keys, as its digest: it never leaves this function."""
    if len(value) < _SHORTEST_PEM or b" " in value:
        return value
    try:
        content = base64.b64decode(value, validate=True)
    except ValueError:
        return value
    return FILES_DIGEST + hashlib.sha256(content).hexdigest().encode() if _PEM in content else value


def _required(path: str) -> FileState:
    state = files.read(path)
    if state is None:
        raise HostUnreadable(f"{path}: there is no such file; is this the configuration directory of a Postfix?")
    return state


def _explicit(state: FileState) -> dict[str, str]:
    parameters = main_cf.parse(state.content).parameters
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in parameters.items()
    }


def _absolute(path: str, directory: str) -> str:
    return posixpath.normpath(posixpath.join(directory, path))
