"""Guarantee 32: a store that is locked or full keeps nobody from healing, and nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import STATE, Running

pytestmark = pytest.mark.postfix
Agents = Callable[..., Running]
LEVEL = "main.cf/smtpd_tls_security_level"
_SMALL = 1 << 20  # bytes of a file system with a store on it


def begin(agent: Agents, store: Path) -> Running:
    it = agent(f'interval = "1s"\n[store]\nurl = "sqlite:///{store}"\n')
    it.wait_for_event("pass.finished", result="Applied")
    it.wait_for(lambda: stored(store) and stored(store) == spooled(it))
    return it


def stored(store: Path) -> list[tuple[int, str]]:
    """What the store holds, as (number, name); nothing while it cannot be asked."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=0)) as connection:
            return connection.execute("SELECT sequence, name FROM events ORDER BY sequence").fetchall()
    except sqlite3.OperationalError:
        return []


def spooled(it: Running) -> list[tuple[int, str]]:
    lines = (it.mx.memory / "etc/events.jsonl").read_text().splitlines()[1:]
    return [(event["sequence"], event["event"]) for event in map(json.loads, lines)]


def live_through(it: Running) -> None:
    """A hand edit that is healed, and a commit that is applied."""
    text = it.mx.main_cf.read_text()
    it.mx.instance.write("main.cf", text.replace("smtpd_tls_security_level = may", "smtpd_tls_security_level = none"))
    it.wait_for_event("drift.resolved", address=LEVEL, resolution="healed")
    it.mx.write(STATE.replace("loglevel: 1", "loglevel: 2"))
    it.wait_for(lambda: "smtpd_tls_loglevel = 2" in it.mx.main_cf.read_text())
    it.wait_for(lambda: it.events("store.unavailable"))


def assert_all_there_once(it: Running, store: Path) -> None:
    it.wait_for(lambda: stored(store) == spooled(it))
    numbers = [number for number, _ in stored(store)]
    assert numbers == list(range(1, len(numbers) + 1))
    names = [name for _, name in stored(store)]
    assert (names.count("drift.found"), names.count("drift.resolved"), names.count("apply.finished")) == (1, 1, 3)
    with closing(sqlite3.connect(store)) as connection:
        found = [json.loads(body) for (body,) in connection.execute("SELECT body FROM incidents")]
    assert [(it["subject"], it["count"], it["resolution"]) for it in found] == [(LEVEL, 1, "healed")]


def test_32_a_store_that_another_writer_locks_keeps_nobody_from_healing_and_gets_all_of_it_afterwards(
    agent: Agents, tmp_path: Path
) -> None:
    """Guarantee 32."""
    store = tmp_path / "store.db"
    it = begin(agent, store)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        before = other.execute("SELECT count(*) FROM events").fetchone()
        live_through(it)
        assert other.execute("SELECT count(*) FROM events").fetchone() == before
        other.execute("ROLLBACK")
    assert_all_there_once(it, store)


def test_32_a_store_on_a_full_disk_keeps_nobody_from_healing_and_gets_all_of_it_afterwards(
    agent: Agents, tmp_path: Path
) -> None:
    """Guarantee 32."""
    with small_disk(tmp_path / "small") as disk:
        store = disk / "store.db"
        it = begin(agent, store)
        filler = disk / "filler"
        fill(filler)
        live_through(it)
        filler.unlink()
        assert_all_there_once(it, store)
        assert it.stop() == 0


def test_32_a_store_that_went_and_came_back_empty_begins_anew_with_what_is_spooled(
    agent: Agents, tmp_path: Path
) -> None:
    """Guarantee 32."""
    store = tmp_path / "away/store.db"
    it = begin(agent, store)
    store.parent.rename(tmp_path / "aside")
    store.parent.write_text("no directory")
    live_through(it)
    store.parent.unlink()
    it.wait_for(lambda: stored(store) == spooled(it))


def test_a_state_directory_on_a_full_disk_is_named_and_nothing_is_changed(
    site: Callable[..., Any], tmp_path: Path
) -> None:
    mx = site("enforce: all\noutgoing: {loglevel: 1}\n")
    before = mx.main_cf.read_bytes()
    with small_disk(tmp_path / "small") as disk:
        fill(disk / "filler")
        argv = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--repo", str(mx.repo)]
        argv += ["-c", mx.instance.config_directory, "--state-dir", str(disk)]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert (done.returncode, mx.main_cf.read_bytes()) == (1, before)
    assert done.stderr.splitlines()[-1].startswith(f"{disk}/etc"), done.stderr
    assert "No space left on device" in done.stderr.splitlines()[-1]


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    path.mkdir()
    argv: list[Any] = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL},mode=0755", "none", path]
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def fill(path: Path) -> None:
    """Down to the last byte."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, bytes(512))
    except OSError:
        pass
    finally:
        os.close(descriptor)
