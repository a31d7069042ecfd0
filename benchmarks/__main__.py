"""Prints a row for each goal: what was measured, the floor measured beside it, their ratio, and the goal."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import agent, large, typical
from benchmarks.rivals import rivals
from reconciler.host.instance import DidNotStart, PrivateInstance, workspace
from reconciler.loop.carry_out import apply
from reconciler.loop.lean import Rows
from reconciler.loop.look import look, plan_of
from reconciler.loop.place import Where
from reconciler.loop.recover import recover
from reconciler.postfix.main_cf import parse as parse_main_cf

PYTHON = sys.executable
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ROUNDS = 9


def median(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds, the median of several rounds after one that does not count."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def run(*argv: str) -> None:
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def row(goal: str, what: str, cost: float, floor: float, target: str) -> None:
    print(
        f"{goal}  {what:<46} {cost:8.1f} ms  floor {floor:7.1f} ms  ratio {cost / floor:5.2f}  goal {target}",
        flush=True,
    )


def command(instance: PrivateInstance, repo: Path, memory: str, name: str, *more: str) -> list[str]:
    where = ["--repo", str(repo), "-c", instance.config_directory, "--state-dir", memory]
    return [PYTHON, "-m", "reconciler", name, *where, *more]


def nothing_to_do(instance: PrivateInstance, repo: Path, memory: str) -> None:
    plan = command(instance, repo, memory, "plan")
    floor = median(lambda: run(PYTHON, "-I", "-c", "pass"))
    known = median(lambda: run(*plan))
    row("P1", "plan, nothing to do, state validated before", known, floor, "≤ 16, stretch ≤ 5")
    others(instance, known)

    def forgotten() -> None:
        for name in ("seen.json", "postfix.json"):
            for kept in Path(memory).rglob(name):
                kept.unlink()
        run(*plan)

    row("P1", "plan, nothing to do, state never seen", median(forgotten), floor, "≤ 16")


def first_apply(instance: PrivateInstance, repo: Path, memory: str) -> None:
    """Beside what a shell script with rendered files does: compare, copy, postmap, check, reload. No canary."""
    before = Path(instance.root, "before")
    etc = Path(instance.config_directory)
    shutil.copytree(etc, before)

    def reset() -> None:
        for path in etc.rglob("*"):
            if path.is_file() and not (before / path.relative_to(etc)).exists():
                path.unlink()
        for name in ("main.cf", "master.cf"):
            instance.write(name, (before / name).read_bytes())
        shutil.rmtree(memory, ignore_errors=True)
        try:
            instance.reload()
        except DidNotStart:  # postlogd read what the script had half written, and is kept from starting for a minute
            instance.stop()
            instance.start()

    def applied() -> float:
        reset()
        start = time.perf_counter()
        run(*command(instance, repo, memory, "apply", "--auto-approve", "--skip-canary"))
        return time.perf_counter() - start

    cost = statistics.median(applied() for _ in range(5)) * 1000
    rendered = Path(instance.root, "rendered")
    shutil.copytree(etc, rendered)
    script = (
        f'cd {rendered}; find . -type f ! -name "*.db" | '
        f'while read f; do cmp -s "$f" "{etc}/$f" || cp -p "$f" "{etc}/$f"; done; '
        f"touch -d '-10 seconds' {etc}/main.cf; postmap -c {etc} hash:{etc}/tls_policy hash:{etc}/tls_senders; "
        f"postfix -c {etc} check; postfix -c {etc} reload"
    )

    def scripted() -> float:
        reset()
        start = time.perf_counter()
        run("bash", "-c", script)
        return time.perf_counter() - start

    def carried_out() -> float:
        reset()
        start = time.perf_counter()
        where = Where(str(repo), instance.config_directory, memory)
        recover(where)
        sight = look(where, rows=Rows.DIFFERING)
        apply(sight, plan_of(sight), skip_canary=True)
        return time.perf_counter() - start

    floor = statistics.median(scripted() for _ in range(5)) * 1000
    row("P3", "first apply, staged, checked, proven", cost, floor, "≤ 1.5, stretch ≤ 1.3")
    carried_out()
    warm = statistics.median(carried_out() for _ in range(5)) * 1000
    row("P3", "the same by a process that runs already", warm, floor, "≤ 1.5, stretch ≤ 1.3")


def others(instance: PrivateInstance, ours: float) -> None:
    """P1's other half: the same host, by what a user would run instead."""
    main_cf = f"{instance.config_directory}/main.cf"
    parsed = parse_main_cf(Path(main_cf).read_bytes()).parameters
    parameters = {name.decode(): value.decode() for name, value in parsed.items() if b"tls" in name}
    scratch = Path(instance.root, "rivals")
    scratch.mkdir()
    for rival in rivals(main_cf, parameters, scratch):
        if rival.why:
            print(f"P1  {rival.name:<46} left out: {rival.why}", flush=True)
            continue
        cost = median(partial(run, *rival.argv), 3)
        print(f"P1  {rival.name:<46} {cost:8.1f} ms  ours  {ours:7.1f} ms  ratio {cost / ours:5.2f}  goal {rival.goal}")


def one_row(instance: PrivateInstance, root: Path) -> None:
    """`BENCH_ROWS` rows; by default as many as the goal is set for, whose first apply takes a minute."""
    rows = int(os.environ.get("BENCH_ROWS", "1000000"))
    found = large.measure(instance, root, rows)
    row("P6", f"one of {rows} rows changed, beside cmp", found.change, found.compare, "≤ 12")
    row("P6", f"postmap hash: of {rows} rows, beside ours", found.build, found.change, "≥ 10")
    mebibytes, source = found.memory / (1 << 20), found.source / (1 << 20)
    what = "memory, beside the source"
    print(
        f"P6  {what:<46} {mebibytes:7.1f} MiB  floor {source:6.1f} MiB  ratio {mebibytes / source:5.2f}  goal ≤ 2.5",
        flush=True,
    )


def main() -> None:
    with workspace("reconciler-bench-") as directory, typical.instance(directory) as instance:
        repo = typical.repository(Path(directory, "state"))
        memory = f"{directory}/memory"
        first_apply(instance, repo, memory)
        run(*command(instance, repo, memory, "apply", "--auto-approve", "--skip-canary"))
        nothing_to_do(instance, repo, memory)
    with workspace("reconciler-bench-") as directory, typical.instance(directory) as instance:
        one_row(instance, Path(directory))
    agent.main()


if __name__ == "__main__":
    main()
