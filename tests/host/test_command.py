"""Programs end in time, say what was wrong, and leave nothing running."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import CommandFailed
from reconciler.host.command import Running, run

LONG, SHORT = timedelta(seconds=20), timedelta(milliseconds=200)


def test_output_and_status_come_back():
    done = Running(("sh", "-c", "echo out; echo err >&2; exit 3"), LONG).finish()
    assert (done.stdout, done.stderr, done.status) == (b"out\n", b"err\n", 3)


def test_a_failure_says_what_the_program_said():
    with pytest.raises(CommandFailed, match=r"^sh -c echo why >&2; exit 1: why$"):
        run(("sh", "-c", "echo why >&2; exit 1"), LONG)


def test_a_failure_without_a_word_says_its_status():
    with pytest.raises(CommandFailed, match="exit status 7"):
        run(("sh", "-c", "exit 7"), LONG)


def test_a_program_that_is_not_there_is_said():
    with pytest.raises(CommandFailed, match="not installed, or not in PATH"):
        run(("no-such-program",), LONG)


def test_input_arrives_and_without_any_there_is_an_end():
    assert run(("cat",), LONG, stdin=b"x" * 1_000_000).stdout == b"x" * 1_000_000
    assert run(("cat",), LONG).stdout == b""


def test_nothing_of_our_environment_reaches_a_program(monkeypatch):
    monkeypatch.setenv("MAIL_CONFIG", "/somewhere")
    names = {line.partition(b"=")[0] for line in run(("env",), LONG).stdout.splitlines()}
    assert names == {b"PATH", b"LC_ALL"}


def test_a_program_that_hangs_is_killed_with_its_children():
    with pytest.raises(CommandFailed, match=r"no answer within 0\.2 s"):
        run(("sh", "-c", "sleep 1234.5 & wait"), SHORT)
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"1234.5" in _read(path)]


def test_a_program_that_never_stops_talking_is_killed():
    with pytest.raises(CommandFailed, match="writes more than 100000 bytes"):
        Running(("cat", "/dev/zero"), LONG, limit=100_000).finish()


def test_what_it_leaves_in_the_background_is_not_waited_for():
    begun = time.monotonic()
    done = run(("sh", "-c", "echo $$; sleep 5 &"), LONG)
    assert time.monotonic() - begun < 4
    os.killpg(int(done.stdout), 9)


def test_several_run_at_the_same_time():
    begun = time.monotonic()
    running = [Running(("sleep", "0.5"), LONG) for _ in range(4)]
    assert [program.finish().status for program in running] == [0, 0, 0, 0]
    assert time.monotonic() - begun < 1.5


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
