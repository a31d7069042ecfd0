"""A host and a state, each from a few lines of text; nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import desired, live, plan
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.plan import Plan
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot, PemFile, RepoSnapshot
from reconciler.postfix import table

DIRECTORY = "/etc/postfix"
DEFAULTS = (Path(__file__).parents[1] / "golden/postconf-d.txt").read_bytes()
MASTER = "smtp      inet  n       -       y       -       -       smtpd\npickup    unix  n       -       y       60      1       pickup\n"


@dataclass(frozen=True)
class Host:
    """A host that can be planned for, and that becomes what the plan says."""

    main: str = "myhostname = mx1.example.org\ncompatibility_level = 3.6\n"
    master: str = MASTER
    tables: Mapping[str, bytes] = field(default_factory=dict)
    pems: Mapping[str, PemFile] = field(default_factory=dict)
    last: LastApplied = field(default_factory=lambda: LastApplied(DIRECTORY))
    version: str = "3.7.11"
    absent: frozenset[str] = frozenset()

    def snapshot(self, kinds: Mapping[str, str]) -> HostSnapshot:
        content = {"main.cf": self.main.encode(), "master.cf": self.master.encode()}
        files = {f"{DIRECTORY}/{name}": raw for name, raw in content.items()}
        files |= {f"{DIRECTORY}/{name}": raw for name, raw in self.tables.items() if f"{DIRECTORY}/{name}" in kinds}
        present = {path: kind for path, kind in kinds.items() if path in files}
        compiled = {
            path: CompiledTable({key: row.value for key, row in table.parse(files[path]).rows.items()})
            for path, kind in present.items()
            if table.TableType(kind).compiled
        }
        return HostSnapshot(
            config_directory=DIRECTORY,
            files={path: FileState(raw, 0o644, 0, 0, 0, path) for path, raw in files.items()},
            now=datetime(2026, 11, 23, 12, tzinfo=UTC),
            mail_version=self.version,
            defaults=DEFAULTS,
            table_types=frozenset({"hash", "btree", "cidr", "lmdb", "texthash"}),
            sasl_server_types=frozenset({"cyrus", "dovecot"}),
            master_pid=1,
            kinds=present,
            compiled=compiled,
            pems={f"{DIRECTORY}/{name}": pem for name, pem in self.pems.items()},
            absent=self.absent,
        )

    def plan(
        self, state: str, files: Mapping[str, str] | None = None, unserved: Mapping[str, str] | None = None
    ) -> Plan:
        """The plan for `state`, the text of the host file."""
        sources = {"hosts/mx1.example.org.yaml": state.encode()} | {k: v.encode() for k, v in (files or {}).items()}
        wanted = desired.load(RepoSnapshot(sources, "1" * 40, "test"), "mx1.example.org")
        interests = plan.interests(wanted, live.read(self.snapshot({})), self.last)
        config = live.read(self.snapshot(interests.tables))
        return plan.plan(wanted, config, self.last, revision="1" * 40, origin="test", unserved=unserved or {})

    def after(self, made: Plan) -> Host:
        """The host once the plan is carried out."""
        files = {edit.path.removeprefix(f"{DIRECTORY}/"): edit.after for edit in made.edits}
        tables = {name: raw for name, raw in {**self.tables, **files}.items() if raw is not None}
        return replace(
            self,
            main=(files.get("main.cf") or self.main.encode()).decode(),
            master=(files.get("master.cf") or self.master.encode()).decode(),
            tables={name: raw for name, raw in tables.items() if name not in ("main.cf", "master.cf")},
            last=LastApplied(DIRECTORY, made.revision, made.record, made.history),
        )

    def applied(self, state: str) -> Host:
        return self.after(self.plan(state))

    def edited(self, old: str, new: str) -> Host:
        """The host after somebody's hand has been on it."""
        assert old in self.main + self.master
        return replace(self, main=self.main.replace(old, new), master=self.master.replace(old, new))


@pytest.fixture
def host() -> Callable[..., Host]:
    return Host


@pytest.fixture
def applied() -> type[Applied]:
    return Applied
