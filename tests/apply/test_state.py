"""A state directory that cannot be used is one clear error, whatever is wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.apply.state import StateDirectory
from reconciler.errors import Locked
from tests.apply.conftest import PROJECT, STATE, Site, environment

Make = Callable[..., Site]


@pytest.mark.postfix
@pytest.mark.parametrize("command", ["plan", "apply", "history", "rollback", "release", "drift"])
@pytest.mark.parametrize(
    "kind", ["a file", "below a file", "an instance that is a file", "a directory as record", "too long"]
)
def test_an_unusable_state_directory_is_one_clear_error(site: Make, tmp_path: Path, command: str, kind: str) -> None:
    mx = site(started=False)
    place = tmp_path / "place"
    match kind:
        case "a file":
            place.write_bytes(b"")
        case "below a file":
            place.write_bytes(b"")
            place /= "state"
        case "an instance that is a file":
            place.mkdir()
            (place / "etc").write_bytes(b"")
        case "a directory as record":
            (place / "etc/last-applied.json").mkdir(parents=True)
            (place / "etc/events.jsonl").mkdir()
            (place / "etc/quarantine.json").mkdir()
            (place / "etc/transactions").write_bytes(b"")
        case _:
            place = Path("/" + "x" * 300)
    before = mx.contents()
    more = ["--repo", str(mx.repo)] if command in ("plan", "apply") else []
    approve = ["--auto-approve"] if command in ("apply", "rollback") else []
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", command, "-c", mx.instance.config_directory, "--state-dir", str(place), *more, *approve],
        cwd=PROJECT, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "fault of reconciler" not in done.stderr
    assert "Traceback" not in done.stderr
    assert mx.contents() == before
    if command == "apply" or done.returncode:
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.postfix
def test_a_state_directory_of_another_user_is_not_believed(site: Make) -> None:
    mx = site(started=False)
    assert mx.apply().returncode == 0
    os.chown(mx.memory / "etc", 65534, 65534)
    mx.write(STATE.replace("loglevel: 1", "loglevel: 2"))
    before = mx.contents()
    for command in (mx.apply(), mx.run("rollback", "--auto-approve")):
        assert (command.returncode, command.stderr.count("\n")) == (1, 1)
        assert "it belongs to uid 65534, who could say there what this program writes" in command.stderr
    assert mx.contents() == before


def test_the_lock_names_its_holder_and_is_free_once_that_is_gone(tmp_path: Path) -> None:
    state = StateDirectory(str(tmp_path), "mx1")
    with state.lock(), pytest.raises(Locked, match=f"at work on mx1 \\(process {os.getpid()}\\)"), state.lock():
        pass
    assert state.holder() == ""
    with state.lock():
        assert state.holder() == str(os.getpid())


def test_trials_that_were_passed_are_remembered_and_the_oldest_forgotten(tmp_path: Path) -> None:
    state = StateDirectory(str(tmp_path), "mx1")
    assert state.proven() == ()
    for number in range(60):
        state.remember_proven(f"{number}")
    state.remember_proven("59")
    assert state.proven() == tuple(str(number) for number in range(10, 60))
