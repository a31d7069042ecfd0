"""The two halves together: one fetches and has no power, the other applies and has no network."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.postfix

PROJECT = Path(__file__).parents[2]
GIT = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example", "GIT_COMMITTER_NAME": "a",
       "GIT_COMMITTER_EMAIL": "a@example", "GIT_CONFIG_GLOBAL": "/dev/null"}  # fmt: skip
STATE = "enforce: all\nincoming: {loglevel: 1}\n"


def git(repo: Path, *argv: str) -> None:
    subprocess.run(["git", "-C", repo, *argv], env={**os.environ, **GIT}, check=True, capture_output=True)


def commit(repo: Path, text: str, host: str) -> None:
    (repo / f"hosts/{host}.yaml").write_text(text)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "state")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    repo = tmp_path / "remote"
    (repo / "hosts").mkdir(parents=True)
    git(repo, "init", "-q", "-b", "main")
    return repo


def settings(tmp_path: Path, more: str = "") -> str:
    path = tmp_path / "reconciler.toml"
    path.write_text(
        f'[source]\npoll_interval = "1h"\n[trust]\nsignatures = "off"\n'
        f'[agent]\ntrigger_file = "{tmp_path}/trigger"\nfreeze_file = "{tmp_path}/freeze"\n'
        f'[instance]\ncache_directory = "{tmp_path}/cache"\n{more}'
    )
    path.chmod(0o600)
    return str(path)


def succeed(*commands: list[str]) -> None:
    for argv in commands:
        done = subprocess.run(argv, cwd=PROJECT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def wait_until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_a_commit_travels_from_the_remote_through_both_halves(
    site: Callable[..., Any], remote: Path, tmp_path: Path
) -> None:
    mx = site(STATE)
    commit(remote, STATE, mx.instance.name)
    argv = [sys.executable, "-m", "reconciler"]
    file = settings(tmp_path)
    handed = tmp_path / "puller"
    pull = [*argv, "pull", "--repo", f"file://{remote}", "--state-dir", str(handed), "--settings", file]
    apply = [*argv, "agent", "--repo", f"handover:{handed}/state", "-c", mx.instance.config_directory,
             "--state-dir", str(mx.memory), "--settings", file]  # fmt: skip
    with (
        subprocess.Popen(pull, cwd=PROJECT, stderr=subprocess.DEVNULL) as puller,
        subprocess.Popen(apply, cwd=PROJECT, stderr=subprocess.DEVNULL) as applier,
    ):
        try:
            wait_until(lambda: "smtpd_tls_loglevel = 1" in mx.main_cf.read_text())
            commit(remote, STATE.replace("1", "2"), mx.instance.name)
            (tmp_path / "trigger").touch()  # as the webhook does
            wait_until(lambda: "smtpd_tls_loglevel = 2" in mx.main_cf.read_text())
        finally:
            for process in (puller, applier):
                process.send_signal(signal.SIGTERM)
    assert (puller.returncode, applier.returncode) == (0, 0)


def recorded(memory: Path) -> set[str]:
    """The events in the store."""
    if not (memory / "store.db").exists():
        return set()
    store = sqlite3.connect(memory / "store.db")
    try:
        return {name for (name,) in store.execute("SELECT name FROM events")}
    except sqlite3.OperationalError:  # it is being made
        return set()
    finally:
        store.close()


def leaving(tmp_path: Path, port: int) -> str:
    """Settings by which something leaves the host."""
    (tmp_path / "spool").mkdir()
    return (
        f'[metrics]\ntextfile = "{tmp_path}/reconciler.prom"\n[publish]\ntarget = "{tmp_path}/published"\n'
        f'[alerts]\ngroup_wait = "0s"\n[[alerts.routes]]\nurls = ["json://127.0.0.1:{port}"]\n'
    )


def test_what_leaves_the_host_leaves_by_the_half_with_the_network(
    site: Callable[..., Any], remote: Path, receiver: tuple[int, list[dict[str, Any]]], tmp_path: Path
) -> None:
    port, got = receiver
    mx = site(STATE)
    commit(remote, STATE, mx.instance.name)
    file, handed, spool = settings(tmp_path, leaving(tmp_path, port)), tmp_path / "puller", str(tmp_path / "spool")
    argv = [sys.executable, "-m", "reconciler"]
    pull = [*argv, "pull", "--repo", f"file://{remote}", "--state-dir", str(handed), "--settings", file,
            "--spool", spool]  # fmt: skip
    apply = [*argv, "agent", "--repo", f"handover:{handed}/state", "-c", mx.instance.config_directory,
             "--state-dir", str(mx.memory), "--settings", file, "--spool", spool]  # fmt: skip
    applied = "smtpd_tls_loglevel = 1"
    subprocess.run([*pull, "--once"], cwd=PROJECT, check=True, capture_output=True)
    with subprocess.Popen(apply, cwd=PROJECT, stderr=subprocess.DEVNULL) as applier:
        try:
            wait_until(lambda: "apply.finished" in recorded(mx.memory))
            mx.main_cf.write_text(mx.main_cf.read_text().replace(applied, "smtpd_tls_loglevel = 3"))
            wait_until(lambda: any(".alert." in it.name for it in Path(spool).iterdir()))
            assert (got, (tmp_path / "published").exists()) == ([], False)  # nobody carries it yet
            with subprocess.Popen(pull, cwd=PROJECT, stderr=subprocess.DEVNULL) as puller:
                try:
                    wait_until(lambda: any("smtpd_tls_loglevel" in it["title"] for it in got))
                    wait_until(lambda: list((tmp_path / "published").glob("*")))
                    wait_until(lambda: not list(Path(spool).iterdir()))
                finally:
                    puller.send_signal(signal.SIGTERM)
        finally:
            applier.send_signal(signal.SIGTERM)
    assert (puller.returncode, applier.returncode) == (0, 0)


def test_once_and_once_ship_what_the_daemons_would(
    site: Callable[..., Any], remote: Path, receiver: tuple[int, list[dict[str, Any]]], tmp_path: Path
) -> None:
    port, got = receiver
    mx = site(STATE)
    commit(remote, STATE, mx.instance.name)
    file, handed, spool = settings(tmp_path, leaving(tmp_path, port)), tmp_path / "puller", str(tmp_path / "spool")
    argv = [sys.executable, "-m", "reconciler"]
    pull = [*argv, "pull", "--once", "--repo", f"file://{remote}", "--state-dir", str(handed), "--settings", file,
            "--spool", spool]  # fmt: skip
    apply = [*argv, "agent", "--once", "--repo", f"handover:{handed}/state", "-c", mx.instance.config_directory,
             "--state-dir", str(mx.memory), "--settings", file, "--spool", spool]  # fmt: skip
    succeed(pull, apply)
    mx.main_cf.write_text(mx.main_cf.read_text().replace("smtpd_tls_loglevel = 1", "smtpd_tls_loglevel = 3"))
    succeed(apply, pull)
    assert any("smtpd_tls_loglevel" in it["title"] for it in got)
    assert len(list((tmp_path / "published").glob("*"))) == 1
    assert "reconciler_reconcile_total" in (tmp_path / "reconciler.etc.prom").read_text()
    assert {"apply.finished", "drift.found"} <= recorded(mx.memory)


@pytest.mark.parametrize(("source", "kind"), [('stale_after = "1s"\n', "source stale"), ("", "source unreachable")])
def test_18_what_the_puller_has_no_newer_state_for_is_an_incident_of_the_host(
    site: Callable[..., Any], remote: Path, tmp_path: Path, source: str, kind: str
) -> None:
    """Guarantee 18: nobody moves the branch; and one whose branch is gone: the applier has it from the puller."""
    mx = site(STATE)
    commit(remote, STATE, mx.instance.name)
    file, handed = settings(tmp_path), tmp_path / "puller"
    argv = [sys.executable, "-m", "reconciler"]
    pull = [*argv, "pull", "--once", "--repo", f"file://{remote}", "--state-dir", str(handed), "--settings", file,
            "--branch", "main"]  # fmt: skip
    apply = [*argv, "agent", "--once", "--repo", f"handover:{handed}/state", "-c", mx.instance.config_directory,
             "--state-dir", str(mx.memory), "--settings", file]  # fmt: skip
    succeed(pull, apply)
    if not source:
        git(remote, "branch", "-m", "main", "elsewhere")
    Path(file).write_text(Path(file).read_text().replace("[source]\n", f"[source]\n{source}"))
    time.sleep(1.1)  # the second after which it is stale
    subprocess.run(pull, cwd=PROJECT, check=False, capture_output=True)
    done = subprocess.run(apply, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.partition(" ")[0]) == (1, "Synced")
    (log,) = mx.memory.glob("*/events.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    assert [it["kind"] for it in events if it["event"] == "trouble.found"] == [kind]


def test_once_and_once_are_the_timer(site: Callable[..., Any], remote: Path, tmp_path: Path) -> None:
    mx = site(STATE)
    commit(remote, STATE, mx.instance.name)
    file = settings(tmp_path)
    handed = tmp_path / "puller"
    argv = [sys.executable, "-m", "reconciler"]
    pull = [*argv, "pull", "--once", "--repo", f"file://{remote}", "--state-dir", str(handed), "--settings", file]
    done = subprocess.run(pull, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    apply = [*argv, "agent", "--once", "--repo", f"handover:{handed}/state", "-c", mx.instance.config_directory,
             "--state-dir", str(mx.memory), "--settings", file]  # fmt: skip
    done = subprocess.run(apply, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, "smtpd_tls_loglevel = 1" in mx.main_cf.read_text()) == (0, True), done.stderr


def test_a_forged_handover_is_refused_and_told_and_changes_nothing(
    site: Callable[..., Any], remote: Path, tmp_path: Path
) -> None:
    """The puller does what it wants with the file and with the commits; the applier has keys and a memory of its own."""
    mx, key, handed = site(STATE), tmp_path / "anna", tmp_path / "puller"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"a@example {key.with_suffix('.pub').read_text()}")
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "true")):
        git(remote, "config", name, value)
    commit(remote, STATE, mx.instance.name)
    anchor = subprocess.run(["git", "-C", remote, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    file = Path(settings(tmp_path))
    trust = f'signatures = "required"\nallowed_signers = "{allowed}"\nanchor = "{anchor.stdout.strip()}"'
    text = file.read_text().replace('signatures = "off"', trust)
    file.write_text(text.replace("[source]\n", f'[source]\nurl = "file://{remote}"\nbranch = "main"\n'))
    argv = [sys.executable, "-m", "reconciler"]
    pull = [*argv, "pull", "--once", "--state-dir", str(handed), "--settings", str(file)]
    apply = [*argv, "agent", "--once", "--repo", f"handover:{handed}/state", "-c", mx.instance.config_directory,
             "--state-dir", str(mx.memory), "--settings", str(file), "--branch", "main"]  # fmt: skip
    for each in (pull, apply):
        done = subprocess.run(each, cwd=PROJECT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    before = mx.main_cf.read_bytes()
    assert b"smtpd_tls_loglevel = 1" in before

    state = handed / "state"
    state.write_bytes(state.read_bytes().replace(b"loglevel: 1", b"loglevel: 3"))
    done = subprocess.run(apply, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert (done.returncode, mx.main_cf.read_bytes()) == (0, before), done.stderr  # only commits count

    git(remote, "config", "commit.gpgsign", "false")
    commit(remote, STATE.replace("1", "2"), mx.instance.name)
    git(remote, "bundle", "create", "--quiet", f"{state}.bundle", "refs/heads/main")
    done = subprocess.run(apply, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert (done.returncode, mx.main_cf.read_bytes()) == (1, before), done.stderr
    (log,) = mx.memory.glob("*/events.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    assert [it["kind"] for it in events if it["event"] == "trouble.found"] == ["source refused"], done.stderr
