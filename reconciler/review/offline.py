"""A plan made from what a host published, wherever that is done.

What the snapshot says nothing of is assumed to be as the state takes it to be, and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import datetime, timedelta

from reconciler import live, plan
from reconciler.errors import HostUnreadable, PlanRefused, Problem, SnapshotRefused
from reconciler.frozen import dataclass, replace
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
from reconciler.live.publishing import as_host, as_record
from reconciler.model.address import Address, FileAddress, RowAddress, TableAddress
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.desired import DesiredState, DesiredTable
from reconciler.model.plan import Plan, Warned
from reconciler.model.published import Published
from reconciler.model.snapshot import Certificate, CompiledTable, FileState, PemFile
from reconciler.plan import Settled

NOT_SEEN, LEFT_OUT = "not_in_snapshot", "rows_left_out"
_SOME_TIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Offline:
    """A published host, ready to be planned for as it will be at `now`."""

    config: LiveConfig
    last: LastApplied
    seen: Published
    settled: dict[tuple[str, ...], Settled] = field(default_factory=dict, compare=False)  # by what is taken to be there


@dataclass(frozen=True, slots=True)
class Outcome:
    """`plan` is None where there are problems. `warned` is what the snapshot could not say."""

    plan: Plan | None
    problems: tuple[Problem, ...] = ()
    warned: tuple[Warned, ...] = ()


def read(seen: Published, now: datetime) -> Offline:
    """Give a snapshot its meaning.

    Raises SnapshotRefused where it has none.
    """
    try:
        host = replace(as_host(seen), now=now)
        return Offline(live.read(host), as_record(seen), seen)
    except HostUnreadable as error:
        raise SnapshotRefused(f"its configuration cannot be understood: {error}") from error
    except (ValueError, KeyError, RecursionError) as error:
        raise SnapshotRefused(f"it cannot be understood ({type(error).__name__})") from error


def planned(
    state: DesiredState, host: Offline, *, revision: str, origin: str, standing: DesiredState | None = None
) -> Outcome:
    """The plan of a state against a published host. `standing` is the state that rows kept on the host are taken from.

    Raises SnapshotRefused where the snapshot cannot be planned with.
    """
    try:
        return _planned(state, host, (revision, origin), standing or state)
    except PlanRefused as refused:
        return Outcome(None, refused.problems)
    except (ValueError, KeyError, IndexError, RecursionError) as error:
        raise SnapshotRefused(f"it cannot be planned with ({type(error).__name__})") from error


def _planned(state: DesiredState, host: Offline, source: tuple[str, str], standing: DesiredState) -> Outcome:
    config, last = _with_rows(host, standing)
    unseen, warned = assuming(state, config, last, host.seen.present)
    made = plan.plan_on(_ground(host, config, last, unseen), state, revision=source[0], origin=source[1])
    return Outcome(made, warned=(*warned, *_left_out(made, host)))


def _ground(host: Offline, config: LiveConfig, last: LastApplied, unseen: tuple[str, ...]) -> Settled:
    """What both plans of a host are made on, where they take the same to be there."""
    if config is not host.config:
        return Settled(with_pems(config, unseen), last)
    if unseen not in host.settled:
        host.settled[unseen] = Settled(with_pems(config, unseen), last)
    return host.settled[unseen]


def assuming(
    state: DesiredState, config: LiveConfig, last: LastApplied, present: Iterable[str] = ()
) -> tuple[tuple[str, ...], tuple[Warned, ...]]:
    """The PEM files that the state names and nothing is known of, which are taken to be there; and what to say."""
    wanted = plan.interests(state, config, last)
    known = config.snapshot.pems.keys() | config.snapshot.absent | set(present)
    unseen = tuple(path for path in wanted.pems if path not in known)
    files = [path for path in dict.fromkeys((*unseen, *wanted.files)) if path not in known]
    tables = [path for path in wanted.tables if path not in config.snapshot.kinds.keys() | config.snapshot.absent]
    directory = config.snapshot.config_directory
    warned = (
        *(_assumed(FileAddress(in_address(path, directory)), path, "there and fit") for path in files),
        *(_assumed(TableAddress(in_address(path, directory)), path, "absent") for path in tables),
    )
    return unseen, warned


def with_pems(config: LiveConfig, paths: Iterable[str]) -> LiveConfig:
    """The host with these files there, and fit."""
    some = dict.fromkeys(paths, _some(config.snapshot.now))
    if not some:
        return config
    return LiveConfig(replace(config.snapshot, pems={**config.snapshot.pems, **some}), config.main, config.master)


def _assumed(address: FileAddress | TableAddress, path: str, what: str) -> Warned:
    return Warned(NOT_SEEN, address, f"{path}: the snapshot says nothing of it; it is taken to be {what}")


def _some(now: datetime) -> PemFile:
    """A file that nothing is wrong with."""
    some = Certificate("", "not seen", "", (), now - _SOME_TIME, now + _SOME_TIME, self_signed=False)
    return PemFile("not seen", (some,), "not seen", ("key", "certificate"), 0o600, 0)


def _left_out(made: Plan, host: Offline) -> Iterator[Warned]:
    """Rows that are added to a table of which not all rows were published may stand there already."""
    directory = made.config_directory
    hiding = {in_address(it.path, directory): it for it in host.seen.tables if it.left_out}
    compared = (*(it.address for it in made.changes), *(it.address for it in made.observed))
    touched = dict.fromkeys(it.path for it in compared if isinstance(it, RowAddress))
    for path in touched:
        if path in hiding:
            count = hiding[path].left_out
            text = f"{path}: {count} of its rows stayed on the host; a row shown as new may replace one of them"
            yield Warned(LEFT_OUT, TableAddress(path), text)


# --- tables that are too large to travel --------------------------------------------------------------------------


def _with_rows(host: Offline, standing: DesiredState) -> tuple[LiveConfig, LastApplied]:
    """With the rows of tables that are too large to travel taken from the state that stands."""
    config, directory = host.config, host.config.snapshot.config_directory
    large = {it.path for it in host.seen.tables if not it.complete}
    tables = {config.path(it.path): it for it in standing.tables}
    filled = {path: tables[path] for path in large if path in tables}
    if not filled:
        return config, host.last
    snapshot = config.snapshot
    files = {path: _source(table) for path, table in filled.items()}
    compiled = {path: _built(table) for path, table in filled.items() if path in snapshot.compiled}
    entries: dict[Address, Applied] = {
        RowAddress(in_address(path, directory), row.key): Applied(row.value, None, table.part.value)
        for path, table in filled.items()
        for row in table.rows
    }
    more = replace(snapshot, files={**snapshot.files, **files}, compiled={**snapshot.compiled, **compiled})
    return live.read(more), replace(host.last, entries={**host.last.entries, **entries})


def _source(table: DesiredTable) -> FileState:
    text = "".join(f"{row.key} {row.value}\n" for row in table.rows)
    return FileState(text.encode("utf-8", "surrogateescape"), 0o644, 0, 0, 0, table.path)


def _built(table: DesiredTable) -> CompiledTable:
    return CompiledTable({_bytes(row.key): _bytes(row.value) for row in table.rows})


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
