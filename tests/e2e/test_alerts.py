"""From a hand edit to a message that somebody receives, and a store that has it all, with the agent in between."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MX
from tests.e2e.running import Running

pytestmark = pytest.mark.postfix
PATIENCE = 90.0  # s, on a machine that has other things to do
LEVEL = "main.cf/smtpd_tls_security_level"
SECRET = "s3cret-in-url"
SETTINGS = """
[agent]
interval = "1s"
resync = "2s"
heal = "never"
trigger_file = ""
[metrics]
textfile = "{directory}/reconciler.prom"
[alerts]
group_wait = "1s"
[[alerts.routes]]
urls = ["json://user:{secret}@127.0.0.1:{port}"]
"""


def until(what: Callable[[], Any], log: Path) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never came:\n{log.read_text()[-4000:]}")


def test_a_hand_edit_reaches_somebody_and_the_store_and_the_numbers(
    site: Callable[..., Any], receiver: tuple[int, list[dict[str, Any]]], tmp_path: Path
) -> None:
    port, got = receiver
    mx = site("enforce: all\noutgoing: {loglevel: 1}\n")
    mx.apply()
    settings, log = tmp_path / "reconciler.toml", tmp_path / "agent.log"
    settings.write_text(SETTINGS.format(directory=tmp_path, port=port, secret=SECRET))
    settings.chmod(0o600)
    argv = [*mx.arguments("agent", "--settings", str(settings))]
    with log.open("wb") as out:
        agent = subprocess.Popen(argv, stdout=out, stderr=out, env={"PATH": os.environ["PATH"]})
    try:
        mx.main_cf.write_text(mx.main_cf.read_text().replace("smtp_tls_loglevel = 1", "smtp_tls_loglevel = 3"))
        message = until(lambda: got and got[0], log)
        assert message["title"].endswith(": main.cf/smtp_tls_loglevel: changed outside of git")
        assert "Was: 1\nFound: 3\n" in message["message"]
        mx.main_cf.write_text(mx.main_cf.read_text().replace("smtp_tls_loglevel = 3", "smtp_tls_loglevel = 1"))
        over = until(lambda: len(got) > 1 and got[1], log)
        assert over["title"].startswith("[resolved] ")
        assert "Done: Somebody put it back.\n" in over["message"]
        until((tmp_path / "reconciler.etc.prom").exists, log)
    finally:
        agent.terminate()
        agent.wait(60)
    store = sqlite3.connect(mx.memory / "store.db")
    names = [name for (name,) in store.execute("SELECT name FROM events WHERE name LIKE 'drift.%' ORDER BY sequence")]
    store.close()
    assert (names[0], names[-1]) == ("drift.found", "drift.resolved")
    assert len(got) == 2
    assert SECRET not in log.read_text()
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in mx.memory.rglob("*") if path.is_file())


def test_an_edit_that_may_stand_is_told_with_its_end_and_the_commands_that_help(
    agent: Callable[..., Running], receiver: tuple[int, list[dict[str, Any]]]
) -> None:
    port, got = receiver
    it = agent(
        f'heal = "after 15m"\n[alerts]\ngroup_wait = "1s"\n[[alerts.routes]]\nurls = ["json://127.0.0.1:{port}"]\n'
    )
    it.wait_for_event("pass.finished", result="Applied")
    replace_level(it, "may", "none")
    message = it.wait_for(lambda: got and got[0])["message"]
    until = datetime.fromisoformat(it.wait_for_event("heal.deferred")["until"])
    assert timedelta(minutes=13) < until - datetime.now(UTC) <= timedelta(minutes=15)
    assert "Done: Nothing yet: it is left as it is for now.\n" in message
    assert f"Next: pause, adopt or it reverts at {until:%H:%M} UTC\n" in message
    commands = dict(line.split(": ", 1) for line in message.splitlines() if ": reconciler " in line)
    assert commands == {
        "Pause": "reconciler pause --reason 'why' --until 2h",
        "Adopt": "reconciler adopt main.cf/smtpd_tls_security_level",
        "Look": "reconciler explain main.cf/smtpd_tls_security_level",
    }
    where = ("-c", it.mx.instance.config_directory, "--state-dir", str(it.mx.memory), "--settings", str(it.settings))
    patch = it.say(*shlex.split(commands["Adopt"])[1:], *where, "--repo", str(it.mx.repo))
    assert "+incoming: {security_level: none" in patch
    assert it.say(*shlex.split(commands["Pause"])[1:], *where).startswith("Paused until ")


def test_30_who_changes_it_back_every_second_is_told_once_corrected_three_times_and_left_alone(
    agent: Callable[..., Running], receiver: tuple[int, list[dict[str, Any]]]
) -> None:
    """Guarantee 30."""
    port, got = receiver
    it = agent(f'[alerts]\ngroup_wait = "20s"\n[[alerts.routes]]\nurls = ["json://127.0.0.1:{port}"]\n')
    it.wait_for_event("pass.finished", result="Applied")
    for _ in range(40):
        replace_level(it, "may", "none")
        time.sleep(1)  # the pace is what is tested
    suspended = it.wait_for_event("heal.suspended")
    assert suspended["address"] == LEVEL
    healed = [event for event in it.events("drift.resolved") if event["resolution"] == "healed"]
    assert len(healed) == 3
    assert it.wait_for_event("heal.deferred")["note"].startswith("it was put right again and again")
    it.wait_for(lambda: got)
    time.sleep(5)  # for a second message, if one came
    (message,) = got
    assert message["title"].endswith(f"[critical] {MX}: {LEVEL}: somebody keeps changing it back")
    assert "Resume: reconciler resume\n" in message["message"]
    where = ("-c", it.mx.instance.config_directory, "--state-dir", str(it.mx.memory), "--settings", str(it.settings))
    it.say("resume", *where)
    it.wait_for(lambda: "smtpd_tls_security_level = may" in it.mx.main_cf.read_text())


def replace_level(it: Running, old: str, new: str) -> None:
    name = "smtpd_tls_security_level"
    it.mx.instance.write("main.cf", it.mx.main_cf.read_text().replace(f"{name} = {old}", f"{name} = {new}"))
