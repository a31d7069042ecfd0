"""A host from a few lines of text, imported and planned; nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import desired, importer, live, plan
from reconciler.importer import Imported
from reconciler.live import LiveConfig
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot, PemFile, RepoSnapshot
from reconciler.postfix import table

DIRECTORY = "/etc/postfix"
NAME = "mx1.example.org"
GOLDEN = Path(__file__).parents[1] / "golden"
STOCK_MASTER = (GOLDEN / "first-apply/live/master.cf").read_bytes()
MAIN = "myhostname = mx1.example.org\ncompatibility_level = 3.6\n"
PEM = PemFile("ab" * 32, (), "cd" * 32, ("key", "certificate"), 0o600, 0)


@dataclass(frozen=True)
class LiveHost:
    """A configuration directory: `tables` by name, compiled as they stand; `pems` are paths of files that are there."""

    main: bytes = MAIN.encode()
    master: bytes = STOCK_MASTER
    tables: Mapping[str, bytes] = field(default_factory=dict)
    pems: tuple[str, ...] = ()
    stale: frozenset[str] = frozenset()

    def config(self, asked: Callable[[LiveConfig], Mapping[str, str]] | None = None) -> LiveConfig:
        """What it means, with the tables that were asked for, or that an import asks for."""
        first = live.read(self._snapshot({}))
        wanted = importer.interests(first).tables if asked is None else asked(first)
        return live.read(self._snapshot({first.path(path): kind for path, kind in wanted.items()}))

    def _snapshot(self, kinds: Mapping[str, str]) -> HostSnapshot:
        files = {f"{DIRECTORY}/main.cf": self.main, f"{DIRECTORY}/master.cf": self.master}
        sources = {f"{DIRECTORY}/{name}": raw for name, raw in self.tables.items()}
        files |= {path: raw for path, raw in sources.items() if path in kinds}
        present = {path: kind for path, kind in kinds.items() if path in files}
        return HostSnapshot(
            config_directory=DIRECTORY,
            files={path: FileState(raw, 0o644, 0, 0, 0, path) for path, raw in files.items()},
            now=datetime(2026, 11, 23, 12, tzinfo=UTC),
            mail_version="3.7.11",
            defaults=(GOLDEN / "postconf-d.txt").read_bytes(),
            table_types=frozenset({"hash", "btree", "cidr", "lmdb", "pcre", "regexp", "texthash"}),
            sasl_server_types=frozenset({"cyrus", "dovecot"}),
            master_pid=None,
            kinds=present,
            compiled={
                path: self._compiled(path, files[path])
                for path, kind in present.items()
                if table.TableType(kind).compiled
            },
            pems=dict.fromkeys(self.pems, PEM),
        )

    def _compiled(self, path: str, source: bytes) -> CompiledTable:
        if path.removeprefix(f"{DIRECTORY}/") in self.stale:
            return CompiledTable({})
        return CompiledTable({key: row.value for key, row in table.parse(source).rows.items()})

    def imported(self, **options) -> Imported:
        return importer.write(self.config(), NAME, enforce=True, **options)

    def text(self, **options) -> str:
        return self.imported(**options).files[f"hosts/{NAME}.yaml"]

    def plan(self, files: Mapping[str, str]) -> Plan:
        state = state_of(files)
        last = LastApplied(DIRECTORY)
        config = self.config(lambda first: plan.interests(state, first, last).tables)
        return plan.plan(state, config, last, revision="", origin="")

    def edited(self, old: str, new: str) -> LiveHost:
        assert old in self.main.decode() + self.master.decode()
        main, master = (raw.replace(old.encode(), new.encode()) for raw in (self.main, self.master))
        return replace(self, main=main, master=master)


def repo_of(files: Mapping[str, str]) -> RepoSnapshot:
    return RepoSnapshot({path: text.encode() for path, text in files.items()}, "", "")


def state_of(files: Mapping[str, str]) -> DesiredState:
    return desired.load(repo_of(files), NAME)


@pytest.fixture
def host() -> Callable[..., LiveHost]:
    """`host("smtpd_tls_loglevel = 1", …)` is a host with these lines in main.cf."""

    def make(*lines: str, **others) -> LiveHost:
        return LiveHost(main=(MAIN + "".join(f"{line}\n" for line in lines)).encode(), **others)

    return make


@pytest.fixture
def golden_host() -> Callable[[str], LiveHost]:
    """A live directory of tests/golden."""

    def read(case: str) -> LiveHost:
        files = {path.name: path.read_bytes() for path in (GOLDEN / case / "live").iterdir()}
        tables = {name: raw for name, raw in files.items() if not name.endswith((".cf", ".stale"))}
        stale = frozenset(name.removesuffix(".stale") for name in files if name.endswith(".stale"))
        return LiveHost(main=files["main.cf"], master=files["master.cf"], tables=tables, stale=stale)

    return read


@pytest.fixture(scope="session")
def raw_host() -> type[LiveHost]:
    return LiveHost


@pytest.fixture
def repo() -> Callable[[Mapping[str, str]], RepoSnapshot]:
    return repo_of


@pytest.fixture
def state() -> Callable[[Mapping[str, str]], DesiredState]:
    return state_of
