"""`make corpus`: how our documents stand against Postfix over the corpus of real files, as a table.

Exits non-zero where anything that Postfix accepts is not 100 %. What Postfix rejects is listed, with its word and ours.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.cli.main import main as command
from reconciler.postfix import main_cf, master_cf, table
from tests.oracle import edits, judge

HOST = "mx1.example.org"
_OWN = b"config_directory"  # postconf lists the one it was given, whatever main.cf says


@dataclass
class Count:
    """`good` of `all`; `bad` says which are not, and why."""

    good: int = 0
    all: int = 0
    bad: list[str] = field(default_factory=list)

    def add(self, name: str, wrong: str) -> None:
        self.all += 1
        self.good += not wrong
        self.bad += [f"{name}: {wrong}"] if wrong else []

    def __str__(self) -> str:
        return f"{self.good:>5} of {self.all:<5} {self.good / self.all:>6.1%}" if self.all else "not available"


@dataclass
class Report:
    """The rows of the table, and what Postfix rejects."""

    rows: list[tuple[str, str, Count]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    def row(self, kind: str, what: str) -> Count:
        count = Count()
        self.rows.append((kind, what, count))
        return count


# --- one kind of file after the other -----------------------------------------------------------------------------


def mains(report: Report) -> None:
    identity, meaning = report.row("main.cf", "identity"), report.row("main.cf", "meaning = postconf -n")
    for path in judge.files("main"):
        source = path.read_bytes()
        ours = main_cf.parse(source)
        identity.add(path.name, "" if ours.render() == source else "rendered otherwise")
        answer = judge.postconf(source, b"", "-n")
        if answer.status:
            report.rejected.append(_rejection(path, answer, ours))
        else:
            mine = {name: _fold(value) for name, value in ours.parameters.items()}
            meaning.add(path.name, _difference(_known(mine), _known(judge.lines(answer.out))))
    _edits(report, "main.cf", judge.files("main"), edits.judged_main)


def _known(parameters: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Postfix's own: those of a user's making it shows only where something uses them."""
    return {
        name: value
        for name, value in parameters.items()
        if name.decode("latin-1") in judge.known() and name != _OWN
    }  # fmt: skip


def masters(report: Report) -> None:
    identity, meaning = report.row("master.cf", "identity"), report.row("master.cf", "meaning = postconf -M")
    options = report.row("master.cf", "meaning = postconf -P")
    for path in judge.files("master"):
        source = path.read_bytes()
        ours = master_cf.parse(source)
        identity.add(path.name, "" if ours.render() == source else "rendered otherwise")
        answer = judge.postconf(b"", source, "-M")
        if answer.status:
            report.rejected.append(_rejection(path, answer, ours))
        else:
            said = [_fold(line) for line in answer.out.split(b"\n") if line]
            mine = [_fold(judge.as_postconf(service)) for service in ours.services]
            meaning.add(path.name, _difference(dict(enumerate(mine)), dict(enumerate(said))))
            answer = judge.postconf(b"", source, "-P")
            options.add(path.name, _difference(_options(ours), _said(judge.lines(answer.out))))
    _edits(report, "master.cf", judge.files("master"), edits.judged_master)


def _options(ours: master_cf.MasterCf) -> dict[str, str]:
    return {
        f"{service.name}/{service.type}/{name}": judge.folded(value)
        for service in ours.services
        for name, value in service.overrides.items()
    }


def _said(said: dict[bytes, bytes]) -> dict[str, str]:
    return {_text(name): judge.folded(_text(value)) for name, value in said.items()}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def tables(report: Report) -> None:
    identity, meaning = report.row("tables", "identity"), report.row("tables", "meaning = postmap -s")
    for path in judge.files("maps"):
        source = path.read_bytes()
        same = table.parse(source).render() == source == table.parse(source, indexed=False).render()
        identity.add(path.name, "" if same else "rendered otherwise")
    for path in _indexed():
        source = path.read_bytes()
        mine = {key: row.value for key, row in table.parse(source).rows.items()}
        meaning.add(path.name, _difference(mine, edits.rows_by_postfix(source) or {}))
    _edits(report, "tables", _indexed(), edits.judged_table)


def _indexed() -> list[Path]:
    """The maps whose grammar is postmap's: not aliases, patterns, LDAP or SQL."""
    oracle = judge.CORPUS / "oracle/maps"
    return [it for it in judge.files("maps") if (oracle / f"{it.name}.dump.out").exists() and it.suffix != ".aliases"]


def templates(report: Report) -> None:
    identity = report.row("templates", "identity")
    for path in judge.files("templates"):
        source, is_main = path.read_bytes(), ".main." in path.name
        ours = main_cf.parse(source) if is_main else master_cf.parse(source)
        identity.add(path.name, "" if ours.render() == source else "rendered otherwise")
        answer = judge.postconf(source, b"", "-n") if is_main else judge.postconf(b"", source, "-M")
        if answer.status:
            report.rejected.append(_rejection(path, answer, ours))


def _edits(
    report: Report, kind: str, files: list[Path], judged: Callable[[bytes], list[tuple[edits.Edit, str]]]
) -> None:
    """Edits are right where Postfix reads what was meant, and only the lines of the edited thing have changed."""
    right = report.row(kind, "edits: read as meant, own lines only")
    single = report.row(kind, "edits of one line: one line changed")
    for path in files:
        for edit, wrong in judged(path.read_bytes()):
            right.add(f"{path.name}: {edit.what}", wrong)
            if edit.own <= 1:
                single.add(f"{path.name}: {edit.what}", "" if edit.is_one_line else f"{edit.lines}")


# --- pairs --------------------------------------------------------------------------------------------------------


def pairs() -> Iterator[tuple[Path, Path]]:
    """Each main.cf with a master.cf; in the long mode with every one."""
    all_masters = judge.files("master")
    for at, main_file in enumerate(judge.files("main")):
        for master in all_masters if judge.LONG else [all_masters[at % len(all_masters)]]:
            yield main_file, master


def views(report: Report) -> None:
    count = report.row("pairs", "effective view = postconf -x, -P -x")
    with ThreadPoolExecutor(2) as pool:
        for name, wrong in pool.map(lambda pair: _view(*pair), pairs()):
            if wrong is not None:
                count.add(name, wrong)


def _view(main_file: Path, master: Path) -> tuple[str, str | None]:
    """What differs; None where Postfix rejects the pair."""
    sources = main_file.read_bytes(), master.read_bytes()
    theirs, ours = judge.effective_by_postfix(*sources), judge.effective_by_us(*sources)
    name = f"{main_file.name} × {master.name}"
    if isinstance(theirs, str):
        return name, None
    return name, ours if isinstance(ours, str) else _difference(ours, theirs)


def imports(report: Report) -> None:
    """Import a host, enforce all of it, and plan: nothing to change."""
    count = report.row("pairs", "import → No changes")
    all_masters = judge.files("master")
    for at, main_file in enumerate(judge.files("main")):
        master = all_masters[at % len(all_masters)]
        if not judge.postconf(main_file.read_bytes(), master.read_bytes(), "-n").status:  # else listed under main.cf
            count.add(f"{main_file.name} × {master.name}", imported(main_file, master))


def imported(main_file: Path, master: Path) -> str:
    with judge.directory() as where:
        (where / "etc").mkdir()
        (where / "state").mkdir()
        judge.write(where / "etc/main.cf", main_file.read_bytes())
        judge.write(where / "etc/master.cf", master.read_bytes())
        place = ["-c", f"{where}/etc", "--repo", f"{where}/state", "--host", HOST]
        code, said = _run("import", "--enforce", *place)
        if code:
            return said
        code, said = _run("plan", "--detailed-exitcode", "--state-dir", f"{where}/memory", *place)
        return "" if code == 0 and "No changes" in said else said


def _run(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = command(words)
    return code, out.getvalue().strip()


# --- the table ----------------------------------------------------------------------------------------------------


def _fold(value: bytes) -> bytes:
    return judge.folded(value.decode("latin-1")).encode("latin-1")


def _difference(ours: dict[judge.Key, judge.Value], theirs: dict[judge.Key, judge.Value]) -> str:
    found = judge.differences(ours, theirs)
    return f"(ours, Postfix's) {found}" if found else ""


def _rejection(path: Path, answer: judge.Answer, ours: main_cf.MainCf | master_cf.MasterCf) -> str:
    """Postfix's last word, and the places that we name."""
    words = answer.err.decode("utf-8", "replace").strip().split("\n")[-1].partition("fatal: ")[2]
    words = re.sub(r"/\S*reconciler-oracle-\w+/", "", words)[:110]
    places = [f"line {bad.line}: {bad.what}" for bad in ours.malformed if bad.fatal]
    shown = [*places[:2], f"and {len(places) - 2} more"] if len(places) > 3 else places
    return "\n      ".join((f"{path.parent.name}/{path.name}: {words}", *(shown or ["not a matter of grammar"])))


def main() -> int:
    if not judge.files("main"):
        print(f"no corpus at {judge.CORPUS}")
        return 0
    report = Report()
    for step in (mains, masters, tables, templates, views, imports):
        print(f"… {step.__name__}", file=sys.stderr)
        step(report)
    for kind, what, count in report.rows:
        print(f"{kind:<10} {what:<40} {count}")
    print("\nRejected by Postfix, with the places that we name:")
    print("\n".join(f"  {it}" for it in report.rejected))
    failed = [count for _, _, count in report.rows if count.good < count.all]
    for count in failed:
        print("\n".join(f"WRONG {it[:600]}" for it in count.bad[:20]))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
