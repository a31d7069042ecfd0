"""A change of a state repository, and the hosts it touches, each from a few lines of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler import desired, live, plan
from reconciler.errors import SnapshotRefused
from reconciler.live.publishing import Owner, published
from reconciler.model.applied import LastApplied
from reconciler.model.plan import Plan
from reconciler.model.published import Published
from reconciler.model.review import HostReview, Review
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot, RepoSnapshot
from reconciler.postfix import table
from reconciler.review import Asked, Found
from reconciler.review import review as reviewed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIRECTORY = "/etc/postfix"
GOLDEN = Path(__file__).parents[1] / "golden"
MAIN = "compatibility_level = 3.6\n"
MASTER = "smtp inet n - y - - smtpd\npickup unix n - y 60 1 pickup\n"


@dataclass(frozen=True)
class Machine:
    """A host that can be applied to, and that publishes itself."""

    name: str
    main: str = MAIN
    master: str = MASTER
    tables: Mapping[str, bytes] = field(default_factory=dict)
    last: LastApplied = field(default_factory=lambda: LastApplied(DIRECTORY))

    def snapshot(self, kinds: Mapping[str, str]) -> HostSnapshot:
        main = f"myhostname = {self.name}\n{self.main}"
        files = {f"{DIRECTORY}/main.cf": main.encode(), f"{DIRECTORY}/master.cf": self.master.encode()}
        sources = {f"{DIRECTORY}/{name}": raw for name, raw in self.tables.items()}
        found = {path: kind for path, kind in kinds.items() if path in sources}
        files |= {path: sources[path] for path in found}
        compiled = {
            path: CompiledTable({key: row.value for key, row in table.parse(files[path]).rows.items()})
            for path, kind in found.items()
            if table.TableType(kind).compiled
        }
        return HostSnapshot(
            config_directory=DIRECTORY,
            files={path: FileState(raw, 0o644, 0, 0, 0, path) for path, raw in files.items()},
            now=NOW,
            mail_version="3.7.11",
            defaults=(GOLDEN / "postconf-d.txt").read_bytes(),
            table_types=frozenset({"hash", "cidr", "texthash"}),
            sasl_server_types=frozenset({"cyrus", "dovecot"}),
            master_pid=1,
            absent=frozenset(kinds.keys() - found.keys()),
            kinds=found,
            compiled=compiled,
        )

    def config(self, kinds: Mapping[str, str]) -> live.LiveConfig:
        return live.read(self.snapshot(kinds))

    def plan(self, files: Mapping[str, str]) -> Plan:
        state = desired.load(repo(files), self.name)
        wanted = plan.interests(state, self.config({}), self.last)
        return plan.plan(state, self.config(wanted.tables), self.last, revision="1" * 40, origin="test")

    def applied(self, files: Mapping[str, str]) -> Machine:
        """The host once it follows this state."""
        made = self.plan(files)
        names = {edit.path.removeprefix(f"{DIRECTORY}/"): edit.after for edit in made.edits}
        main = (names.get("main.cf") or f"myhostname = {self.name}\n{self.main}".encode()).decode()
        tables = {**self.tables, **{name: raw for name, raw in names.items() if not name.endswith(".cf")}}
        return replace(
            self,
            main=main.replace(f"myhostname = {self.name}\n", "", 1),
            master=(names.get("master.cf") or self.master.encode()).decode(),
            tables={name: raw for name, raw in tables.items() if raw is not None},
            last=LastApplied(DIRECTORY, made.revision, made.record, made.history),
        )

    def edited(self, old: str, new: str) -> Machine:
        assert old in self.main
        return replace(self, main=self.main.replace(old, new))

    def published(self, age: timedelta = timedelta(hours=1)) -> Published:
        kinds = {f"{DIRECTORY}/tls_policy": "hash", f"{DIRECTORY}/tls_senders": "hash"}
        seen = published(self.config(kinds), self.last, Owner(self.name, "", b"s" * 32))
        return replace(seen, taken=NOW - age)


def repo(files: Mapping[str, str], revision: str = "1" * 40) -> RepoSnapshot:
    return RepoSnapshot({path: text.encode() for path, text in files.items()}, revision, "state")


@dataclass(frozen=True)
class Case:
    """A change from `base` to `head`, and what hosts published."""

    base: Mapping[str, str]
    head: Mapping[str, str]
    snapshots: Mapping[str, Published | SnapshotRefused] = field(default_factory=dict)
    signed: bool = True

    def review(self) -> Review:
        def snapshot(name: str) -> Found | SnapshotRefused | None:
            found = self.snapshots.get(name)
            return Found(found, "somebody") if isinstance(found, Published) else found

        return reviewed(Asked(repo(self.base, "0" * 40), repo(self.head), NOW, snapshot, signed=self.signed))

    def host(self, name: str) -> HostReview:
        return next(it for it in self.review().hosts if it.name == name)


@pytest.fixture
def machine() -> type[Machine]:
    return Machine


@pytest.fixture
def case() -> Callable[..., Case]:
    return Case
