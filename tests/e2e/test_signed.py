"""Settings that ask for signatures: plan and apply take what an allowed person signed, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STATE = "enforce: all\ncertificates: {default: unmanaged}\nparameters:\n  smtpd_tls_loglevel: %d\n"


@pytest.fixture
def signed(site: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """A site whose repository is followed by URL; gives (site, commit, run)."""

    def make() -> Any:
        mx = site(STATE % 1)
        key = tmp_path / "anna"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        allowed = tmp_path / "allowed_signers"
        allowed.write_text(f"anna@example.org {key.with_suffix('.pub').read_text()}")

        def git(*arguments: str) -> str:
            identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "gpg.format=ssh")
            argv = ["git", "-C", mx.repo, *identity, "-c", f"user.signingkey={key}", *arguments]
            return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

        def commit(level: int, *options: str) -> str:
            mx.write(STATE % level)
            git("add", "-A")
            git("commit", "-q", "-m", "x", *options)
            return git("rev-parse", "HEAD")

        git("init", "-q", "-b", "main")
        first = commit(1, "-S")
        settings = tmp_path / "reconciler.toml"
        settings.write_text(
            f"[source]\nurl = '{mx.repo.as_uri()}'\n"
            f"[trust]\nsignatures = 'required'\nallowed_signers = '{allowed}'\nanchor = '{first}'\n"
            f"[instance]\nconfig_directory = '{mx.instance.config_directory}'\n"
            f"state_directory = '{mx.memory}'\ncache_directory = '{tmp_path}/cache'\n"
        )

        def run(command: str, *more: str) -> subprocess.CompletedProcess[str]:
            argv = [sys.executable, "-m", "reconciler", command, "--settings", str(settings), *more]
            environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
            return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)

        return mx, commit, run

    return make


def test_what_an_allowed_person_signed_is_applied_and_then_only_what_follows_it(signed: Callable[..., Any]) -> None:
    mx, commit, run = signed()
    revision = commit(2, "-S")
    planned = run("plan")
    assert (planned.returncode, revision[:12] in planned.stdout) == (0, True), planned.stderr
    assert not (mx.memory / "trust.json").exists()
    applied = run("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    (entry,) = json.loads((mx.memory / "trust.json").read_text())["sources"].values()
    assert (entry["revision"], entry["signers"][0]["name"]) == (revision, "anna@example.org")
    subprocess.run(["git", "-C", mx.repo, "reset", "-q", "--hard", "HEAD~1"], check=True)
    for command in (["plan"], ["apply", "--auto-approve"]):
        refused = run(*command)
        assert refused.returncode == 1
        assert f"it is older than the last trusted commit {revision}" in refused.stderr


def test_an_unsigned_commit_changes_nothing(signed: Callable[..., Any]) -> None:
    mx, commit, run = signed()
    assert run("apply", "--auto-approve").returncode == 0
    revision = commit(3)
    before = mx.fingerprint()
    refused = run("apply", "--auto-approve")
    assert (refused.returncode, refused.stderr) == (1, f"commit {revision}: it is not signed\n")
    told = json.loads(run("plan", "--format", "json").stdout)
    assert (told["errored"], told["reason"]) == (True, "Untrusted")
    assert mx.fingerprint() == before
