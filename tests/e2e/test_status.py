from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.postfix
STATE = "enforce: all\noutgoing: {loglevel: 1}\n"


def say(mx: Any, command: str, *more: str) -> str:
    where = ["-c", mx.instance.config_directory, "--state-dir", str(mx.memory)]
    argv = [sys.executable, "-m", "reconciler", command, *where, *more]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told(mx: Any, command: str = "status", *more: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(say(mx, command, "--format", "json", *more))
    return body


def test_status_tells_how_an_instance_stands_without_an_agent(site: Callable[..., Any]) -> None:
    mx = site(STATE)
    before = told(mx)
    assert (before["sync"], before["health"], before["revision"], before["agent"]) == (
        "Unknown",
        "Unknown",
        None,
        False,
    )
    mx.apply()
    after = told(mx)
    assert (after["sync"], after["health"], after["result"]) == ("Synced", "Healthy", "Applied")
    assert (after["postfix_running"], after["parts"]["outgoing"], after["incidents"]) == (True, "enforced", [])
    assert after["last_apply"]
    say(mx, "pause", "--reason", "migration")
    assert "migration" in told(mx)["paused"]
    text = say(mx, "status")
    assert text.splitlines()[0].endswith(": Synced, Suspended")
    assert text.endswith("Incidents: 0 open.\n")


def test_a_mode_that_somebody_changed_is_an_incident_until_it_is_put_back(site: Callable[..., Any]) -> None:
    mx = site(STATE)
    mx.apply()
    mode = mx.main_cf.stat().st_mode & 0o777
    mx.main_cf.chmod(0o600)
    mx.apply()
    (found,) = told(mx)["incidents"]
    assert (found["kind"], found["address"], found["resolution"]) == ("file attributes", "file/main.cf", None)
    assert (found["written"].partition(",")[0], found["live"].partition(",")[0]) == (f"mode {mode:04o}", "mode 0600")
    mx.main_cf.chmod(mode)
    mx.apply()
    assert told(mx)["incidents"] == []
    (over,) = told(mx, "drift", "--kind", "file-attributes")["drift"]
    assert over["resolution"] == "reverted"
    assert told(mx, "drift", "--kind", "parameter")["drift"] == []


def test_files_that_postfix_has_not_read_are_an_incident_until_it_has(site: Callable[..., Any]) -> None:
    mx = site(STATE)
    mx.apply()
    mx.main_cf.write_text(mx.main_cf.read_text() + "in_flow_delay = 2s\n")
    mx.apply()
    (found,) = told(mx)["incidents"]
    assert (found["kind"], found["address"]) == ("configuration old", "postfix")
    mx.instance.reload()
    mx.apply()
    assert told(mx)["incidents"] == []
    mx.main_cf.write_text("# a comment means nothing\n" + mx.main_cf.read_text())
    mx.apply()
    assert told(mx)["incidents"] == []


def test_a_postfix_that_is_down_is_told_and_not_started(site: Callable[..., Any]) -> None:
    mx = site(STATE)
    mx.apply()
    mx.instance.stop()
    mx.run("apply", "--auto-approve")
    body = told(mx)
    assert (body["health"], body["postfix_running"]) == ("Missing", False)
    assert [it["kind"] for it in body["incidents"]] == ["postfix down"]
