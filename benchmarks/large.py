"""P6: one row of a large policy file changed, beside `cmp` of the two files and a full `postmap hash:`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import typical
from reconciler.host.instance import PrivateInstance

_LIMIT = 900  # s; a run that takes longer is ended
_COLD = 10  # s
_OFTEN = 0.002  # s; between two looks at what a program holds


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds, and bytes: the most memory that the program held, and what the source weighs."""

    change: float
    compare: float
    build: float
    memory: int
    source: int


def repository(directory: Path, rows: int) -> Path:
    """A state of one policy file; gives that file."""
    (directory / "hosts").mkdir(parents=True)
    (directory / "policies").mkdir()
    host = "enforce: all\noutgoing: {security_level: may, policy_files: [policies/large.map]}\n"
    (directory / f"hosts/{typical.NAME}.yaml").write_text(host)
    large = directory / "policies/large.map"
    with large.open("w") as file:
        file.writelines(f"d{number}.a-rather-long-name.example encrypt\n" for number in range(rows))
    return large


def change_one(path: Path) -> None:
    """Another level in the middle of the file."""
    content = path.read_bytes()
    at = content.index(b" encrypt", len(content) // 2)
    path.write_bytes(content[:at] + b" secure" + content[at + len(b" encrypt") :])


def measure(instance: PrivateInstance, root: Path, rows: int) -> Measured:
    """Apply a table, change one of its rows, apply again; the second is what counts. The canary is left out.

    Raises AssertionError where a run fails, or does not end in time.
    """
    large = repository(root / "state", rows)
    apply = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--skip-canary", "--repo"]
    apply += [str(root / "state"), "-c", instance.config_directory, "--state-dir", str(root / "memory")]
    _timed(apply)
    before = root / "before.map"
    before.write_bytes(large.read_bytes())
    change_one(large)
    change, memory = _run(apply)
    compare = _timed(["cmp", str(before), str(large)], status=1)
    past = time.time() - _COLD
    os.utime(f"{instance.config_directory}/main.cf", (past, past))
    build = _timed(["postmap", "-c", instance.config_directory, f"hash:{before}"])
    return Measured(change, compare, build, memory, large.stat().st_size)


def _timed(argv: list[str], status: int = 0) -> float:
    return _run(argv, status)[0]


def _run(argv: list[str], status: int = 0) -> tuple[float, int]:
    """Milliseconds, and the most memory in bytes that the program itself held.

    The kernel's own account begins with what its parent held when it was started.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said, subprocess.Popen(argv, stdout=said, stderr=said) as program:
        stop = threading.Timer(_LIMIT, program.kill)
        stop.start()
        most = 0
        while program.poll() is None:
            most = max(most, _held(program.pid))
            time.sleep(_OFTEN)
        stop.cancel()
        said.seek(0)
        assert program.returncode == status, said.read()[-2000:].decode("utf-8", "replace")
        took = time.perf_counter() - start
    return took * 1000, most


def _held(pid: int) -> int:
    """The most memory in bytes that a process has held until now."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
