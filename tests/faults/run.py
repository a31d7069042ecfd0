"""`make faults`: break an apply in every way that is promised to do no harm, and print how often it did none.

Two scenes at a time; about an hour on two cores. `FAULTS_STEP=7` tries every seventh place only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain

from tests.faults import disks, injected, kept, others
from tests.faults.injected import ERRORS, Place
from tests.faults.scene import Large, Scene, scene

STEP = int(os.environ.get("FAULTS_STEP", "1"))
AT_ONCE = 2
_FIRST_KILLS = (Place("renameat2", 1), Place("renameat2", 3), Place("unlink", 12))

Case = tuple[str, str, tuple[object, ...]]  # row, function, arguments

_scene: dict[type[Scene], Scene] = {}
_open = ExitStack()


@dataclass
class Row:
    """What one guarantee came to."""

    guarantee: str
    good: int = 0
    all: int = 0
    bad: list[str] = field(default_factory=list)

    def add(self, case: Case, wrong: str) -> None:
        self.all += 1
        self.good += not wrong
        if wrong:
            self.bad.append(f"{' '.join(map(str, case[2]))}: {wrong}")


GUARANTEES = {
    "kill": "(1) kill -9 at every mutating system call of an apply",
    "kill-recovery": "(3) kill -9 at the mutating system calls of its recovery",
    **{error: f"(2) {error} at every mutating system call" for error in ERRORS},
    "large": "(1) kill -9, while one row of a large table changes",
    "large-recovery": "(3) kill -9 at the recovery of that",
    "large-error": "(2) EIO and ENOSPC, likewise",
    "power": "(4) power lost: old or new from what the disk has",
    "full": "(5) a full disk, for each table type",
    "edits": "(6) somebody edits meanwhile: nothing lost silently",
    "two": "(7) two applies at once",
    "signals": "(34) SIGTERM, SIGINT and SIGHUP: finished or taken back",
    "kept": "(8) owner, mode, attributes, ACL and symbolic links are kept",
    "again": "(9) a second apply writes nothing and reloads nothing",
    "loaded": "(10) an apply under load: one reload, no failed session",
    "listeners": "(12) a new listener that cannot be is refused",
    "harm": "(13) harm after the commit: back in 5 s, served in 10 s",
    "read-back": "(15) a table that postmap made wrong is not put in place",
    "places": "(1) hard link, bind mount, immutable, read-only: refused",
}


def _made(kind: type[Scene] = Scene) -> Scene:
    """This process's scene of a kind, made when it is first needed and kept."""
    if kind not in _scene:
        _scene[kind] = _open.enter_context(scene(kind))
    return _scene[kind]


def _end() -> str:
    _open.close()
    _scene.clear()
    return ""


def judge(case: Case) -> tuple[Case, str]:
    """Run one case in this process."""
    try:
        return case, _CASES[case[1]](*case[2])
    except Exception as error:  # noqa: BLE001 - one broken case shall not end the others
        return case, repr(error)[:300]


_CASES: dict[str, Callable[..., str]] = {
    "killed": lambda place: injected.killed(_made(), place),
    "failed": lambda place, error: injected.failed(_made(), place, error),
    "killed_again": lambda first, place: injected.killed_again(_made(), first, place)[1],
    "large_killed": lambda place: injected.killed(_made(Large), place),
    "large_failed": lambda place, error: injected.failed(_made(Large), place, error),
    "large_killed_again": lambda first, place: injected.killed_again(_made(Large), first, place)[1],
    "edited": lambda editor, delay: others.edited(_made(), editor, delay),
    "two": lambda _: others.two_at_once(_made()),
    "signalled": lambda number, delay: others.signalled(_made(), signal.Signals(number), delay),
    "obstructed": lambda obstacle, name: others.obstructed(_made(), obstacle, name),
    "kept": lambda attribute, name: kept.kept(_made(), attribute, name),
    "again": lambda form: kept.again(_made(), form),
    "loaded": lambda _: kept.loaded(_made()),
    "listened": lambda what: kept.listened(_made(), what),
    "taken_back": lambda harm: kept.taken_back(_made(), harm),
    "read_back": lambda lie, kind: kept.read_back(_made(), lie, kind),
    "full": disks.full,
    "full_while_building": disks.full_while_building,
    "calls": lambda: repr(_made().calls()),
    "large_calls": lambda: repr(_made(Large).calls()),
    "end": lambda _: _end(),
}


def large_cases(calls: dict[str, int]) -> Iterator[Case]:
    places = injected.places(calls)[::STEP]
    yield from (("large", "large_killed", (place,)) for place in places)
    yield from (("large-recovery", "large_killed_again", (Place("renameat2", 2), place)) for place in places)
    yield from (("large-error", "large_failed", (place, error)) for place in places for error in ("EIO", "ENOSPC"))


def cases(calls: dict[str, int]) -> Iterator[Case]:
    places = injected.places(calls)[::STEP]
    yield from (("kill", "killed", (place,)) for place in places)
    for first in _FIRST_KILLS:
        yield from (("kill-recovery", "killed_again", (first, place)) for place in places)
    for error in ERRORS:
        yield from ((error, "failed", (place, error)) for place in places)
    for kind in disks.TYPES:
        yield from (("full", "full", (kind, free)) for free in (60, 300)[:: min(STEP, 2)])
        yield ("full", "full_while_building", (kind, 60))
    delays = [0.15 + 0.05 * number for number in range(20)][::STEP]
    yield from (("edits", "edited", (editor, delay)) for editor in others.EDITORS for delay in delays)
    yield from (("two", "two", (number,)) for number in range(5))
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    yield from (("signals", "signalled", (int(number), delay)) for number in numbers for delay in delays)
    yield from (
        ("kept", "kept", (it, name)) for it in kept.ATTRIBUTES for name in ("main.cf", "tls_policy", "tls_policy.db")
    )
    yield from (("again", "again", (form,)) for form in ("text", "json"))
    yield from (("loaded", "loaded", (number,)) for number in range(50)[::STEP])
    yield from (("listeners", "listened", (what,)) for what in kept.LISTENERS)
    yield from (("harm", "taken_back", (harm,)) for harm in kept.HARMS)
    yield from (("read-back", "read_back", (lie, kind)) for lie in kept.LIES for kind in disks.TYPES)
    yield from (("places", "obstructed", (it, name)) for it in others.OBSTACLES for name in ("main.cf", "tls_policy"))


def power(rows: dict[str, Row]) -> str:
    """Every place at which names change, with fsync; and the control without, which must fail. Gives what it came to."""
    try:
        with disks.machine() as made:
            calls = disks.calls_of(made)
            wanted = [
                it for it in injected.places(calls) if it.call in ("rename", "renameat2", "unlink", "fsync", "link")
            ]
            for place in wanted[::STEP]:
                state = made.cut(place.call, place.number, fsync=True)
                rows["power"].add(("power", "", (place,)), "" if state in ("old", "new") else state)
            control = [made.cut("renameat2", number, fsync=False) for number in (1, 2, 3)]
    except subprocess.CalledProcessError as error:
        return f"not tried: {' '.join(map(str, error.cmd))}: {error.stderr.decode().strip()}"
    failed = sum(state not in ("old", "new") for state in control)
    if not failed:
        rows["power"].add(("power", "", ("control",)), "without fsync nothing was lost: the test is blind")
    return f"control without fsync: damaged in {failed} of {len(control)}, as it must be"


def _calls(pool: ProcessPoolExecutor, name: str) -> dict[str, int]:
    said = pool.submit(judge, ("", name, ())).result()[1]
    found: dict[str, int] = eval(said, {"Counter": dict})  # noqa: S307 - our own repr
    return found


def main() -> int:
    started = time.monotonic()
    rows = {name: Row(text) for name, text in GUARANTEES.items()}
    with ProcessPoolExecutor(AT_ONCE) as pool:
        calls, large = (_calls(pool, name) for name in ("calls", "large_calls"))
        print(f"An apply makes {sum(calls.values())} mutating system calls of {len(calls)} kinds.", flush=True)
        every = chain(large_cases(large), cases(calls))
        for number, (case, wrong) in enumerate(pool.map(judge, every), start=1):
            rows[case[0]].add(case, wrong)
            if wrong:
                print(f"WRONG {case[0]} {' '.join(map(str, case[2]))}: {wrong}", flush=True)
            if sys.stderr.isatty():
                print(f"\r{number}", end="", file=sys.stderr)
        list(pool.map(judge, [("", "end", (number,)) for number in range(AT_ONCE * 4)]))
    said = power(rows)
    for row in rows.values():
        print(f"{row.guarantee:<62} {row.good:>5} of {row.all:<5}")
    print(said)
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if any(row.good < row.all for row in rows.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
