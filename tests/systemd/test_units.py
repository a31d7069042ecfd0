from __future__ import annotations

import shlex
from configparser import RawConfigParser
from pathlib import Path

from reconciler.cli.main import parser

UNITS = Path(__file__).parents[2] / "systemd"


def unit(name: str) -> RawConfigParser:
    read = RawConfigParser(strict=False)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string((UNITS / name).read_text())
    return read


def test_the_service_runs_a_command_that_there_is() -> None:
    argv = shlex.split(unit("reconciler.service")["Service"]["ExecStart"])
    options = shlex.split("--repo https://git.example.org/mail/state.git")
    arguments = parser().parse_args([*argv[1:-1], *options])
    assert (argv[0], argv[-1]) == ("reconciler", "$RECONCILER_OPTIONS")
    assert (arguments.command, arguments.auto_approve, arguments.state_dir) == ("apply", True, "/var/lib/reconciler")


def test_the_state_directory_is_the_one_systemd_makes() -> None:
    service = unit("reconciler.service")["Service"]
    assert (service["StateDirectory"], service["StateDirectoryMode"]) == ("reconciler", "0700")


def test_the_timer_starts_the_service_of_its_name() -> None:
    assert unit("reconciler.timer")["Install"]["WantedBy"] == "timers.target"
    assert (UNITS / "reconciler.service").exists()
