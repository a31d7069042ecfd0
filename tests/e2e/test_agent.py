"""The agent as systemd runs it: a process of its own that is woken, stopped and restarted, against a private Postfix."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import PROJECT, STATE, Running

pytestmark = pytest.mark.postfix


def level(mx: Any) -> str:
    found = [line for line in mx.main_cf.read_text().splitlines() if line.startswith("smtpd_tls_security_level")]
    return found[-1].partition("=")[2].strip() if found else ""


def edit(mx: Any, old: str, new: str) -> None:
    mx.instance.write("main.cf", mx.main_cf.read_text().replace(old, new))


LEVEL = "main.cf/smtpd_tls_security_level"


def test_29_a_hand_edit_is_seen_by_watching_recorded_once_and_healed(agent: Callable[..., Running]) -> None:
    """Guarantee 29."""
    it = agent('interval = "1h"\nresync = "1h"\n')
    it.wait_for_event("pass.finished", result="Applied")
    it.wait_for(lambda: level(it.mx) == "may")
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    it.wait_for_event("drift.resolved", address=LEVEL)
    assert level(it.mx) == "may"
    assert [found["address"] for found in it.events("drift.found")] == [LEVEL]
    assert it.stop() == 0
    assert it.events("agent.stopped")


def test_29_a_hand_edit_is_seen_by_resync_with_the_watch_off(agent: Callable[..., Running]) -> None:
    """Guarantee 29."""
    it = agent('interval = "1s"\nresync = "1s"\n', "--no-watch")
    it.wait_for_event("pass.finished", result="Applied")
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    it.wait_for_event("drift.resolved", address=LEVEL)
    assert level(it.mx) == "may"


def test_an_edit_that_may_stand_for_a_while_is_told_with_the_time_of_its_end(agent: Callable[..., Running]) -> None:
    it = agent('heal = "after 15m"\n')
    it.wait_for_event("pass.finished", result="Applied")
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    told = it.wait_for_event("heal.deferred")
    assert told["address"] == LEVEL
    assert told["note"].startswith("pause, adopt or it reverts at ")
    it.mx.write(STATE.replace("loglevel: 1", "loglevel: 2"))  # and a commit is carried out meanwhile
    it.wait_for(lambda: "smtpd_tls_loglevel = 2" in it.mx.main_cf.read_text())
    assert level(it.mx) == "none"
    it.stop()


def test_a_pause_leaves_everything_as_it_is_until_it_is_resumed(agent: Callable[..., Running]) -> None:
    it = agent()
    it.wait_for_event("pass.finished", result="Applied")
    settings = ("--settings", str(it.settings))
    where = ("-c", it.mx.instance.config_directory, "--state-dir", str(it.mx.memory), *settings)
    run("pause", *where, "--reason", "maintenance", "--until", "2h")
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    told = it.wait_for_event("agent.waited", reason="Paused")
    assert told["text"].endswith(": maintenance")
    assert it.events("drift.found")
    assert level(it.mx) == "none"
    run("resume", *where)
    it.wait_for(lambda: level(it.mx) == "may")


def test_the_freeze_file_works_without_git(agent: Callable[..., Running], tmp_path: Path) -> None:
    it = agent()
    it.wait_for_event("pass.finished", result="Applied")
    (tmp_path / "freeze").write_text("incident 4711\n")
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    assert it.wait_for_event("agent.waited", reason="Frozen")["text"].endswith("freeze exists: incident 4711")
    (tmp_path / "freeze").unlink()
    it.wait_for(lambda: level(it.mx) == "may")


def test_sighup_and_sync_wake_it(agent: Callable[..., Running]) -> None:
    it = agent('interval = "1h"\nresync = "1h"\n', "--no-watch")
    it.wait_for_event("pass.finished", result="Applied")
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    it.process.send_signal(signal.SIGHUP)
    it.wait_for(lambda: level(it.mx) == "may")


def test_a_broken_commit_is_told_once_and_hand_edits_are_still_healed(agent: Callable[..., Running]) -> None:
    """Guarantee 20, for a state that cannot be had: the last good one stays in force."""
    it = agent()
    it.wait_for_event("pass.finished", result="Applied")
    it.wait_for((it.mx.memory / "etc/good.state").exists)
    it.mx.write("enforce: all\nincoming: {security_level: encrpyt}\n")
    assert it.wait_for_event("trouble.found")["reason"] == "StateInvalid"
    edit(it.mx, "smtpd_tls_security_level = may", "smtpd_tls_security_level = none")
    it.wait_for_event("drift.resolved", address=LEVEL)
    assert level(it.mx) == "may"
    it.mx.write(STATE)
    it.wait_for_event("trouble.resolved")
    assert len(it.events("trouble.found")) == 1


def test_34_sigterm_in_the_middle_of_an_apply_leaves_old_or_new(agent: Callable[..., Running]) -> None:
    """Guarantee 34."""
    it = agent()
    it.wait_for_event("pass.finished", result="Applied")
    for number in range(3):
        before = it.mx.main_cf.read_bytes()
        it.mx.write(STATE.replace("loglevel: 1", f"loglevel: {number + 2}" if number < 2 else "loglevel: 0"))
        time.sleep(0.1 + 0.15 * number)  # somewhere in it
        started = time.monotonic()
        assert it.stop() == 0
        assert time.monotonic() - started < 30
        plan = it.mx.plan()
        assert it.mx.main_cf.read_bytes() == before or plan.returncode == 0, plan.stdout
        it.start()
        it.wait_for(lambda: it.mx.plan().returncode == 0)


def test_a_second_agent_names_the_first_and_ends(agent: Callable[..., Running]) -> None:
    it = agent()
    it.wait_for_event("agent.started")
    second = it.mx.run("agent", "--settings", str(it.settings))
    assert (second.returncode, f"process {it.process.pid}" in second.stderr) == (1, True)


def test_35_what_it_keeps_is_its_own_whatever_the_umask(agent: Callable[..., Running]) -> None:
    """Guarantee 35."""
    it = agent()  # with an umask of 0
    it.wait_for_event("pass.finished", result="Applied")
    it.wait_for((it.mx.memory / "etc/good.state").exists)
    it.stop()
    for path in (it.mx.memory / "etc").rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 == wanted, path


def test_once_is_a_pass_that_ends(agent: Callable[..., Running], site: Callable[..., Any]) -> None:
    mx = site(STATE)
    first = mx.run("agent", "--once")
    assert (first.returncode, first.stdout.partition(" ")[0]) == (0, "Synced"), first.stderr
    assert mx.plan().returncode == 0


def run(command: str, *more: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", command, *more], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
