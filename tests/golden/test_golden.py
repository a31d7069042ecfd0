"""Whole plans, printed: each case is a state repository, a live directory, and what the plan says and does.

    <case>/state/              the state repository
    <case>/live/               the configuration directory as it is, standing for /etc/postfix
    <case>/last-applied.json   the record, where there is one
    <case>/plan.txt, plan.json what is shown, and plan.md as a comment
    <case>/plan.html           the same as a page, for one case with drift and one that is stopped
    <case>/after/              the configuration directory once the plan is carried out

A case that lacks plan.txt is written anew; read what was written before it is committed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import desired, live, plan
from reconciler.model.applied import LastApplied, from_json
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot, RepoSnapshot
from reconciler.postfix import table
from reconciler.report import html, json, markdown, text

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/state"))
DIRECTORY = "/etc/postfix"
HOST = "mx1.example.org"
PAGES = ("drift", "undeclared")


def snapshot_of(directory: Path, kinds: dict[str, str] | None = None) -> HostSnapshot:
    """A host as a directory shows it: tables are compiled as their sources say, unless a `.stale` lies beside one."""
    content = {f"{DIRECTORY}/{path.name}": path.read_bytes() for path in directory.iterdir() if path.suffix != ".stale"}
    kinds = {path: kind for path, kind in (kinds or {}).items() if path in content}
    own = (f"{DIRECTORY}/main.cf", f"{DIRECTORY}/master.cf")
    compiled = {
        path: _compiled(directory / Path(path).name, content[path])
        for path, kind in kinds.items()
        if table.TableType(kind).compiled
    }
    return HostSnapshot(
        config_directory=DIRECTORY,
        files={
            path: FileState(raw, 0o644, 0, 0, 0, path) for path, raw in content.items() if path in own or path in kinds
        },
        now=datetime(2026, 11, 23, 12, tzinfo=UTC),
        mail_version="3.7.11",
        defaults=(HERE / "postconf-d.txt").read_bytes(),
        table_types=frozenset({"hash", "btree", "cidr", "lmdb", "pcre", "regexp", "texthash"}),
        sasl_server_types=frozenset({"cyrus", "dovecot"}),
        master_pid=1234,
        kinds=kinds,
        compiled=compiled,
    )


def _compiled(path: Path, source: bytes) -> CompiledTable:
    stale = path.with_name(path.name + ".stale")
    content = stale.read_bytes() if stale.exists() else source
    return CompiledTable({key: row.value for key, row in table.parse(content).rows.items()})


def state_of(case: Path) -> tuple[DesiredState, RepoSnapshot]:
    root = case / "state"
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    repo = RepoSnapshot(files, "1a2b3c4d5e6f78901a2b3c4d5e6f78901a2b3c4d", "https://git.example.org/mail/state.git")
    return desired.load(repo, HOST), repo


def plan_for(case: Path, directory: Path, last: LastApplied) -> Plan:
    state, repo = state_of(case)
    first = live.read(snapshot_of(directory))
    interests = plan.interests(state, first, last)
    config = live.read(snapshot_of(directory, interests.tables))
    return plan.plan(state, config, last, revision=repo.revision, origin=repo.origin)


def record_of(case: Path) -> LastApplied:
    record = case / "last-applied.json"
    return from_json(record.read_bytes()) if record.exists() else LastApplied(DIRECTORY)


def carry_out(made: Plan, directory: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    names = {edit.path: edit.after for edit in made.edits}
    for path in directory.iterdir():
        if path.suffix != ".stale" and f"{DIRECTORY}/{path.name}" not in names:
            (into / path.name).write_bytes(path.read_bytes())
    for where, content in names.items():
        if content is not None:
            (into / Path(where).name).write_bytes(content)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix != ".stale"}


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path: Path = request.param
    if not (path / "plan.txt").exists():
        made = plan_for(path, path / "live", record_of(path))
        (path / "plan.txt").write_text(text.render(made))
        (path / "plan.json").write_text(json.render(replace(made, digest="")))
        (path / "plan.md").write_text(markdown.render(made).text)
        if path.name in PAGES:
            (path / "plan.html").write_text(html.render(made))
        carry_out(made, path / "live", path / "after")
        pytest.fail(f"{path.name} was written anew: read it, then run again")
    return path


def test_the_plan_is_the_golden_one(case: Path) -> None:
    made = plan_for(case, case / "live", record_of(case))
    assert text.render(made) == (case / "plan.txt").read_text()
    assert json.render(replace(made, digest="")) == (case / "plan.json").read_text()
    assert markdown.render(made).text == (case / "plan.md").read_text()
    if case.name in PAGES:
        assert html.render(made) == (case / "plan.html").read_text()


def test_the_directory_afterwards_is_the_golden_one(case: Path, tmp_path: Path) -> None:
    carry_out(plan_for(case, case / "live", record_of(case)), case / "live", tmp_path / "after")
    assert contents(tmp_path / "after") == contents(case / "after")


def test_a_plan_applied_is_a_plan_empty(case: Path) -> None:
    made = plan_for(case, case / "live", record_of(case))
    again = plan_for(case, case / "after", LastApplied(DIRECTORY, made.revision, made.record))
    assert again.changes == ()


def test_the_same_inputs_give_the_same_plan(case: Path) -> None:
    one, other = (plan_for(case, case / "live", record_of(case)) for _ in range(2))
    assert one == other
    assert one.digest == other.digest


def test_the_readme_shows_the_plan_to_the_letter() -> None:
    readme = (HERE.parents[1] / "README.md").read_text()
    assert (HERE / "readme/plan.txt").read_text() in readme
    assert (HERE / f"readme/state/hosts/{HOST}.yaml").read_text() in readme
