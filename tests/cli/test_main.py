"""The command line answers every failure with a sentence and exit code 1."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from reconciler.cli import main as command
from reconciler.cli import schemas


def test_an_unknown_option_is_answered_with_the_usage_of_its_command(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["plan", "--nosuch"])
    told = capsys.readouterr().err
    assert left.value.code == 1
    assert told.startswith("usage: reconciler plan ")
    assert told.endswith("reconciler plan: unrecognized arguments: --nosuch\n")


def test_what_the_operating_system_refuses_is_one_line(capsys, tmp_path) -> None:
    (tmp_path / "file").touch()
    assert command.main(["schemas", "--out", f"{tmp_path}/file/below"]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/file/below: Not a directory\n"


@pytest.mark.parametrize("typed", [b"\x04", b"no\n", b"\n", b"y\n"])
def test_everything_but_yes_is_no(typed: bytes) -> None:
    """The end of the input, which Ctrl-D is, among it."""
    asking = "from reconciler.cli import approval; approval.ask('apply')"
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", asking], stdin=theirs, stderr=subprocess.PIPE) as process:
        os.write(ours, typed)
        assert process.stderr
        assert process.stderr.read().endswith(b"ApprovalNeeded: not approved; nothing was changed\n")
    os.close(ours)
    os.close(theirs)


def _broken(_arguments: object) -> int:
    raise ZeroDivisionError("a fault of ours")


def test_a_fault_of_ours_is_a_sentence(capsys, monkeypatch) -> None:
    monkeypatch.setattr(schemas, "run", _broken)
    assert command.main(["schemas", "--check", "x"]) == 1
    assert capsys.readouterr().err == (
        "ZeroDivisionError('a fault of ours'): this is a fault of reconciler; RECONCILER_TRACEBACK=1 shows where: "
        "please report it\n"
    )


def test_and_a_traceback_for_who_asks(monkeypatch) -> None:
    monkeypatch.setattr(schemas, "run", _broken)
    monkeypatch.setenv("RECONCILER_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        command.main(["schemas", "--check", "x"])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(("argv", "code"), [("--version", 0), ("plan --nosuch", 1)])
def test_a_signal_that_comes_when_all_is_done_does_not_hide_how_it_ended(name, argv, code) -> None:
    late = f"atexit.register(signal.raise_signal, signal.{name}); sys.argv[1:] = {argv.split()}; run()"
    program = f"import atexit, signal, sys; from reconciler.cli.main import run; {late}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "Interrupted" not in done.stderr
