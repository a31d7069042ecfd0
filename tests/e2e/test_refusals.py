"""Bad input: one error with its place, exit code 1, nothing touched, no traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.postfix
GOOD = "enforce: all\ncertificates: {default: unmanaged}\n"
CASES = {
    "security_level: encryp": (
        GOOD + "incoming:\n  security_level: encryp\n",
        r":4:19: .*'encryp' is not a security level",
    ),
    "a duplicate key": (GOOD + "outgoing:\n  loglevel: 1\n  loglevel: 2\n", r":5:3: "),
    "a tab": (GOOD + "outgoing:\n\tloglevel: 1\n", r":4:1: "),
    "mynetworks: 0.0.0.0/0": (GOOD + "parameters:\n  mynetworks: 0.0.0.0/0\n", r":4:3: .*it says who may relay"),
    "a newline inside a value": (GOOD + 'outgoing:\n  ca_file: "/a\\nb"\n', r":4:12: .*U\+000A"),
    "60,000 nested brackets": ("a: " + "[" * 60_000 + "\n", r":1:6\d: "),
    "no host of that name": (None, r":1:1: "),
}


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
@pytest.mark.parametrize(("state", "expected"), CASES.values(), ids=CASES)
def test_one_error_with_its_place_and_nothing_touched(
    site: Callable[..., Any], state: str | None, expected: str, command: str
) -> None:
    mx = site(state or GOOD, started=False)
    if state is None:
        mx.host_file.rename(mx.host_file.with_name("other.yaml"))
        if command == "validate":
            return
    before = mx.fingerprint()
    done = _validate(mx) if command == "validate" else mx.run(command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.match(r"hosts/mx1\.example\.org\.yaml" + expected, done.stderr)
    assert "Traceback" not in done.stderr
    assert mx.fingerprint() == before
    assert not mx.memory.exists()


def _validate(mx: Any) -> Any:
    argv = [sys.executable, "-m", "reconciler", "validate", str(mx.repo)]
    return subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("certificates", "told"),
    [
        (
            "{default: {certbot: /nowhere/live/mx1}}",
            (
                r"2:16: /nowhere/live/mx1: there is no lineage with privkey\.pem and fullchain\.pem on this host; "
                r"let certbot make it, or write until_present: self_signed"
            ),
        ),
        (
            "{default: unmanaged, mail.customer.example: {chain_files: [/nowhere/x.pem]}}",
            r"2:36: /nowhere/x\.pem: there is no such file on this host; put it there, or write until_present: self_signed",
        ),
    ],
    ids=["certbot", "SNI"],
)
def test_a_certificate_that_is_not_there_is_refused(site: Callable[..., Any], certificates: str, told: str) -> None:
    mx = site(f"enforce: all\ncertificates: {certificates}\n", started=False)
    done = mx.run("plan")
    assert done.returncode == 1
    assert re.fullmatch(rf"hosts/mx1\.example\.org\.yaml:{told}\n", done.stderr), done.stderr


def test_a_main_cf_that_postfix_would_die_of_is_named_by_line(site: Callable[..., Any]) -> None:
    mx = site(GOOD, started=False)
    mx.instance.write("main.cf", mx.main_cf.read_text() + "this is no parameter\n")
    lines = len(mx.main_cf.read_text().splitlines())
    done = mx.run("plan")
    assert done.returncode == 1
    assert done.stderr == f"{mx.main_cf}:{lines}:1: no '=' after 'this'\n"


def test_errors_are_json_where_json_was_asked_for(site: Callable[..., Any]) -> None:
    mx = site(GOOD + "incoming: {security_level: encryp}\n", started=False)
    done = mx.run("plan", "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["errored"], told["reason"], told["problems"][0]["line"]) == (
        1,
        True,
        "StateInvalid",
        3,
    )


@pytest.mark.parametrize("argv", [("--nonsense",), ("--format", "xml"), ("--config-dir", "/nonexistent")])
def test_usage_errors_exit_with_one(site: Callable[..., Any], argv: tuple[str, ...]) -> None:
    done = site(GOOD, started=False).run("plan", *argv)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
