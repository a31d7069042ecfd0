"""What leaves a host plans as the host does, and holds nothing that is nobody's business."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import desired, importer, live, plan
from reconciler.errors import HostUnreadable, PlanRefused
from reconciler.live.publishing import Owner, as_host, as_record, published
from reconciler.model import codec
from reconciler.model.applied import LastApplied, from_json
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.model.published import Published
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot, RepoSnapshot
from reconciler.postfix import table

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/state"))
CORPUS = ROOT.parents[1] / "shared" / "corpus"
DIRECTORY, HOST = "/etc/postfix", "mx1.example.org"
OWNER = Owner(HOST, "", b"s" * 32)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def host(content: dict[str, bytes], kinds: dict[str, str], stale: dict[str, bytes] | None = None) -> HostSnapshot:
    files = {f"{DIRECTORY}/{name}": raw for name, raw in content.items()}
    own = (f"{DIRECTORY}/main.cf", f"{DIRECTORY}/master.cf")
    kinds = {path: kind for path, kind in kinds.items() if path in files}
    made = {
        path: (stale or {}).get(path, files[path]) for path, kind in kinds.items() if table.TableType(kind).compiled
    }
    return HostSnapshot(
        config_directory=DIRECTORY,
        files={path: FileState(raw, 0o644, 0, 0, 0, path) for path, raw in files.items() if path in (*own, *kinds)},
        now=NOW,
        mail_version="3.7.11",
        defaults=(GOLDEN / "postconf-d.txt").read_bytes(),
        table_types=frozenset({"hash", "btree", "cidr", "lmdb", "pcre", "regexp", "texthash"}),
        sasl_server_types=frozenset({"cyrus", "dovecot"}),
        master_pid=1234,
        absent=frozenset(),
        kinds=kinds,
        compiled={
            path: CompiledTable({key: row.value for key, row in table.parse(raw).rows.items()})
            for path, raw in made.items()
        },
    )


def through(config: live.LiveConfig, last: LastApplied) -> tuple[live.LiveConfig, LastApplied]:
    """Out of the host as JSON, and in again."""
    text = json.dumps(codec.encode(published(config, last, OWNER)))
    seen = codec.decode(Published, json.loads(text))
    return live.read(as_host(seen)), as_record(seen)


def outcome(state: DesiredState, config: live.LiveConfig, last: LastApplied) -> Plan | tuple[str, ...]:
    try:
        return plan.plan(state, config, last, revision="r", origin="o")
    except PlanRefused as refused:
        return tuple(map(str, refused.problems))


def shown(made: Plan | tuple[str, ...]) -> object:
    """All that a reviewer sees, and all that decides: not the bytes of files, which stay on the host."""
    if not isinstance(made, Plan):
        return made
    return (
        made.changes, made.drift, made.observed, made.warnings, made.guards, made.actions, made.matching,
        made.record, made.history, tuple(edit.path for edit in made.edits),
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_host_plans_as_the_host_itself(case: Path) -> None:
    files = {str(it.relative_to(case / "state")): it.read_bytes() for it in (case / "state").rglob("*") if it.is_file()}
    state = desired.load(RepoSnapshot(files, "", ""), HOST)
    content = {it.name: it.read_bytes() for it in (case / "live").iterdir() if it.suffix != ".stale"}
    stale = {f"{DIRECTORY}/{it.stem}": it.read_bytes() for it in (case / "live").glob("*.stale")}
    record = case / "last-applied.json"
    last = from_json(record.read_bytes()) if record.exists() else LastApplied(DIRECTORY)
    wanted = plan.interests(state, live.read(host(content, {})), last)
    config = live.read(host(content, wanted.tables, stale))
    there, known = through(config, last)
    assert shown(outcome(state, there, known)) == shown(outcome(state, config, last))


MAINS = sorted((CORPUS / "main").glob("*.cf"))
MASTERS = sorted((CORPUS / "master").glob("*.cf"))
PAIRS = [(main, MASTERS[index % len(MASTERS)]) for index, main in enumerate(MAINS) if MASTERS]
NONE = pytest.param(None, None, marks=pytest.mark.skip(reason=f"no corpus at {CORPUS}"))
STATES = {
    "little": "certificates: {default: unmanaged}\nenforce: all\nincoming: {security_level: may, loglevel: 1}\n",
    "much": """\
enforce: all
profile: intermediate
certificates: {default: {chain_files: [tls/mx.pem], until_present: self_signed}}
incoming: {security_level: encrypt, policies: {senders: [a.example], clients: [192.0.2.0/24, b.example]}}
outgoing: {security_level: may, policies: {c.example: encrypt, d.example: secure}}
submission: {sasl: {type: dovecot, path: private/auth}}
submissions: {enabled: no}
""",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("main", "master"), PAIRS or [NONE], ids=lambda path: path.name if path else "none")
def test_a_published_host_of_the_corpus_plans_as_the_host_itself(main: Path, master: Path, state: str) -> None:
    content = {"main.cf": main.read_bytes(), "master.cf": master.read_bytes()}
    try:
        first = live.read(host(content, {}))
    except HostUnreadable:
        pytest.skip("Postfix does not take this pair")
    wanted = desired.load(RepoSnapshot({f"hosts/{HOST}.yaml": STATES[state].encode()}, "", ""), HOST)
    last = LastApplied(DIRECTORY)
    tables = {**importer.interests(first).tables, **plan.interests(wanted, first, last).tables}
    config = live.read(host(content, {first.path(path): kind for path, kind in tables.items()}))
    there, known = through(config, last)
    masked, whole = outcome(wanted, there, known), outcome(wanted, config, last)
    if isinstance(whole, Plan) and isinstance(masked, Plan):
        assert differing(masked, whole) == []
    assert shown_but_foreign(masked) == shown_but_foreign(whole)


def differing(masked: Plan, whole: Plan) -> list[tuple[str, str | None, str | None]]:
    """The changes of which a value from outside the scope stayed on the host, but no mark stands for it."""
    pairs = zip(masked.changes, whole.changes, strict=True)
    return [
        (str(one.address), one.before, other.before)
        for one, other in pairs
        if one.before != other.before and "kept-on-the-host" not in (one.before or "")
    ]


def shown_but_foreign(made: Plan | tuple[str, ...]) -> object:
    if not isinstance(made, Plan):
        return made
    changes = [(it.address, it.after, it.why, it.reason, it.disruption, it.forget) for it in made.changes]
    return changes, made.warnings, made.guards, made.actions, made.matching
