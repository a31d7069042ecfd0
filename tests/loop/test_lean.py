"""A plan from the lines that differ is the plan from all rows, whatever changes between two versions of a policy file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import desired, live, plan
from reconciler.apply.state import StateDirectory
from reconciler.errors import Problem, StateInvalid
from reconciler.host import files
from reconciler.loop.lean import Reading, Rows, Tables, exempt, without_rows
from reconciler.model.address import RowAddress
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Edit, Plan
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot, RepoSnapshot
from reconciler.postfix import policy, table
from reconciler.postfix.table import NOTE

DEFAULTS = (Path(__file__).parents[1] / "golden/postconf-d.txt").read_bytes()
MAIN = b"myhostname = mx1.example.org\ncompatibility_level = 3.6\n"
MASTER = b"smtp      inet  n       -       y       -       -       smtpd\n"
HOST = b"enforce: all\noutgoing: {security_level: may, policy_files: [policies/all.map]}\n"

_KEYS = [f"d{it}.example" for it in range(12)] + ["Upper.example", "[mx.example]:587", ".sub.example"]
_VALUES = ["may", "encrypt", "secure match=nexthop", "encrypt  protocols=>=TLSv1.2", "none", "dane", "ENCRYPT"]
_ROW = st.tuples(st.sampled_from(_KEYS), st.sampled_from(_VALUES))
_SPACE = st.sampled_from(["# comment", "", "#", "   ", " # indented"])


@st.composite
def policy_file(draw: st.DrawFn) -> bytes:
    rows = draw(st.lists(_ROW, min_size=1, max_size=10, unique_by=lambda row: row[0].lower()))
    lines = [draw(st.sampled_from([f"{key} {value}", f"{key}\t{value}", f"{key} {value} "])) for key, value in rows]
    for space in draw(st.lists(_SPACE, max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), space)
    if draw(st.integers(0, 9)) == 0:  # of another kind: continued, twice, no row
        lines.insert(draw(st.integers(1, len(lines))), draw(st.sampled_from([" match=a.example", lines[0], "lonely"])))
    newline = draw(st.sampled_from(["\n", "\n", "\n", "\r\n"]))
    return (newline.join(lines) + newline * draw(st.booleans())).encode()


@dataclass
class World:
    """A configuration directory of files, of which nothing runs."""

    root: Path
    last: LastApplied
    policies: bytes
    known: DesiredState | None = None  # what an apply remembers of the state

    @property
    def etc(self) -> str:
        return str(self.root / "etc")

    @property
    def source(self) -> Path:
        return self.root / "etc/tls_policy"

    @property
    def repo(self) -> RepoSnapshot:
        found = {"hosts/mx1.example.org.yaml": HOST, "policies/all.map": self.policies}
        return RepoSnapshot(found, hashlib.sha256(self.policies).hexdigest(), "test")

    def bare(self) -> HostSnapshot:
        contents = {"main.cf": (self.root / "etc/main.cf").read_bytes(), "master.cf": MASTER}
        return HostSnapshot(
            config_directory=self.etc,
            files={f"{self.etc}/{it}": FileState(raw, 0o644, 0, 0, 0, it) for it, raw in contents.items()},
            now=datetime(2026, 11, 23, 12, tzinfo=UTC),
            mail_version="3.7.11",
            defaults=DEFAULTS,
            table_types=frozenset({"hash", "cidr"}),
            sasl_server_types=frozenset(),
            master_pid=None,
        )

    def plan(self, rows: Rows) -> tuple[Plan, Tables]:
        bare = self.bare()
        first = live.read(bare)
        state = StateDirectory(str(self.root), "memory")
        known = self.known if rows is Rows.DIFFERING else None
        found = Reading(self.repo, first, self.last, state, known, self._load, large=0).read(rows)
        wanted = plan.interests(found.desired, first, found.last).tables
        seen = found.onto(self._with_tables(bare, set(wanted) - set(found.excerpts)))
        return plan.plan(found.desired, live.read(seen), found.last, revision="1", origin="test"), found

    def _load(self) -> DesiredState:
        return desired.load(self.repo, "mx1.example.org")

    def _with_tables(self, bare: HostSnapshot, wanted: set[str]) -> HostSnapshot:
        if not wanted or not self.source.exists():
            return replace(bare, absent=frozenset(wanted))
        path, content = str(self.source), self.source.read_bytes()
        built = CompiledTable({key: row.value for key, row in table.parse(content).rows.items()})
        state = FileState(content, 0o644, 0, 0, 0, path)
        return replace(bare, files={**bare.files, path: state}, kinds={path: "hash"}, compiled={path: built})

    def become(self, made: Plan, found: Tables) -> None:
        """What an apply does to files and record."""
        for edit in made.edits:
            Path(edit.path).write_bytes(put_in(edit))
        (self.root / "etc/tls_policy.db").write_bytes(b"built of it" + self.source.read_bytes())
        source, compiled = (files.mark(f"{self.source}{suffix}", above=0) for suffix in ("", ".db"))
        mirrors = {path: replace(it, source=source, compiled=compiled) for path, it in made.mirrors.items()}
        self.last = LastApplied(self.etc, "", made.record, made.history, mirrors)
        self.known = without_rows(found.desired) if exempt(found.desired) else None
        state = StateDirectory(str(self.root), "memory")
        state.prepare()
        for mirror in made.mirrors.values():
            if not state.has_base(mirror.base):
                state.keep_base(mirror.base, self.policies)


def put_in(edit: Edit) -> bytes:
    """The whole file after an edit."""
    if edit.within is None:
        assert edit.after is not None
        return edit.after
    before, parts, at = Path(edit.path).read_bytes(), [], 0
    for hunk in edit.within.hunks:
        assert before[hunk.start : hunk.end] == hunk.before
        parts += [before[at : hunk.start], hunk.after]
        at = hunk.end
    return b"".join((*parts, before[at:]))


def rows_of(source: bytes) -> dict[bytes, bytes]:
    return {key: row.value for key, row in table.parse(source).rows.items()}


def tables(made: Plan) -> list[object]:
    """What the plan makes of the files."""
    return [meaning(put_in(it)) if it.path.endswith("/tls_policy") else it.after for it in made.edits]


def meaning(source: bytes) -> dict[bytes, object]:
    return {key: policy.canonical(value.decode()) for key, value in rows_of(source).items()}


def recorded(world: World, made: Plan) -> dict[RowAddress, Applied]:
    """Every row of the record, whether it is written there or told by a file."""
    known = {at: it for at, it in made.record.items() if isinstance(at, RowAddress)}
    if made.mirrors:
        rows = rows_of(world.policies)
        known |= {
            RowAddress("tls_policy", key.decode()): Applied(b" ".join(it.split()).decode(), None, "outgoing.policies")
            for key, it in rows.items()
        }
    return known


@settings(max_examples=30, deadline=None)
@given(policy_file(), policy_file(), policy_file())
def test_the_plan_of_what_differs_is_the_plan_of_all_rows(first: bytes, second: bytes, third: bytes) -> None:
    with TemporaryDirectory() as root:
        world = made_world(Path(root), first)
        if world is None:
            return
        for policies in (second, third):
            world.policies = policies
            told = problems(world, Rows.ALL)
            assert problems(world, Rows.DIFFERING) == told
            if told:
                return
            whole, _ = world.plan(Rows.ALL)
            lean, found = world.plan(Rows.DIFFERING)
            assert lean.changes == whole.changes
            assert (lean.drift, lean.observed, lean.warnings, lean.guards) == ((), (), whole.warnings, whole.guards)
            assert (lean.actions, lean.matching, lean.history) == (whole.actions, whole.matching, whole.history)
            assert tables(lean) == tables(whole)
            if lean.changes:
                assert recorded(world, lean).keys() == recorded(world, whole).keys()
            world.become(lean, found)


def made_world(root: Path, policies: bytes) -> World | None:
    """A host to which the file was applied; None where nobody could."""
    (root / "etc").mkdir()
    (root / "etc/main.cf").write_bytes(MAIN)
    world = World(root, LastApplied(str(root / "etc")), policies)
    try:
        world.become(*world.plan(Rows.DIFFERING))
    except StateInvalid:
        return None
    return world


def problems(world: World, rows: Rows = Rows.DIFFERING) -> tuple[Problem, ...]:
    try:
        world.plan(rows)
    except StateInvalid as refused:
        return refused.problems
    return ()


PLAIN = b"".join(b"d%d.example encrypt\n" % it for it in range(50))


def test_of_an_unchanged_table_one_changed_line_is_looked_at(tmp_path: Path) -> None:
    world = made_world(tmp_path, PLAIN)
    assert world is not None
    assert world.source.read_bytes() == NOTE + PLAIN
    world.policies = PLAIN.replace(b"d7.example encrypt", b"d7.example secure")
    made, found = world.plan(Rows.DIFFERING)
    assert [len(it.hunks) for it in found.excerpts.values()] == [1]
    assert [str(it.address) for it in made.changes] == ["table/tls_policy#d7.example"]
    assert made.matching == 49 + 3


def test_a_hand_edit_is_found_row_by_row_although_no_row_is_on_record(tmp_path: Path) -> None:
    world = made_world(tmp_path, PLAIN)
    assert world is not None
    world.policies = PLAIN.replace(b"d7.example encrypt", b"d7.example secure")
    world.become(*world.plan(Rows.DIFFERING))
    world.source.write_bytes(world.source.read_bytes().replace(b"d9.example encrypt", b"d9.example none"))
    world.policies = world.policies.replace(b"d11.example encrypt", b"d11.example may")
    made, found = world.plan(Rows.DIFFERING)
    assert not found.excerpts
    assert [(str(it.address), it.written, it.live) for it in made.drift] == [
        ("table/tls_policy#d9.example", "encrypt", "none")
    ]
    assert {(str(it.address), it.why.value) for it in made.changes} == {
        ("table/tls_policy#d9.example", "corrective"),
        ("table/tls_policy#d11.example", "intentional"),
    }
    world.become(made, found)
    assert world.source.read_bytes() == NOTE + world.policies


def test_a_key_that_stands_elsewhere_too_is_refused_as_it_always_is(tmp_path: Path) -> None:
    world = made_world(tmp_path, PLAIN)
    assert world is not None
    world.policies = PLAIN + b"d3.example may\n"
    refused = problems(world)
    assert [str(it) for it in refused] == [
        "policies/all.map:51:1: 'd3.example' stands twice, first in line 4; keep one of them"
    ]
