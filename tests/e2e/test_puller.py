"""The two halves together: one fetches and has no power, the other applies and has no network."""

from __future__ import annotations

import os
import signal
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


def settings(tmp_path: Path) -> str:
    path = tmp_path / "reconciler.toml"
    path.write_text(
        f'[source]\npoll_interval = "1h"\n[trust]\nsignatures = "off"\n'
        f'[agent]\ntrigger_file = "{tmp_path}/trigger"\nfreeze_file = "{tmp_path}/freeze"\n'
        f'[instance]\ncache_directory = "{tmp_path}/cache"\n'
    )
    return str(path)


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
