from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.host import packages

HOLDING = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_who_holds_the_lock_of_the_package_manager_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock-frontend"
    argv = [sys.executable, "-c", HOLDING, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        found = packages.at_work((str(tmp_path / "absent"), str(lock)))
        assert found is not None
        assert (found.pid, found.lock) == (holder.pid, str(lock))
        assert str(found) == f"{found.program} (process {holder.pid}) holds {lock}"
    assert packages.at_work((str(lock),)) is None


@pytest.mark.parametrize("locks", [(), ("/nowhere/lock",)])
def test_without_a_package_manager_nobody_is_at_work(locks: tuple[str, ...]) -> None:
    assert packages.at_work(locks) is None
