"""A live host publishes itself; what is planned from that elsewhere is what the host then does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.host.ports import free_port
from reconciler.loop.look import look, plan_of
from reconciler.loop.place import Where
from reconciler.loop.reviewing import FromFile, planned

pytestmark = pytest.mark.postfix

STATE = """\
enforce: all
certificates:
  default: {{chain_files: [tls/mx.pem], until_present: self_signed}}
incoming: {{security_level: may, policies: {{senders: [bank.example]}}}}
outgoing: {{security_level: may, policies: {{bank.example: encrypt, "[relay.example]:587": secure}}}}
submission: {{listen: "127.0.0.1:{0}", sasl: {{type: cyrus, path: smtpd}}}}
"""


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", directory, *identity, *arguments], capture_output=True, check=True)


def reconciler(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def mx(site: Callable[..., Any]) -> Any:
    made = site(STATE.format(free_port()))
    made.instance.write("sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")
    git(made.repo, "init", "-q", "-b", "main")
    git(made.repo, "add", ".")
    git(made.repo, "commit", "-qm", "first")
    return made


def on_the_host(mx: Any) -> tuple[object, ...]:
    made = plan_of(look(Where(str(mx.repo), mx.instance.config_directory, str(mx.memory))))
    return made.changes, made.drift, made.observed, made.guards, made.actions


def from_the_snapshot(mx: Any, place: Path) -> tuple[object, ...]:
    made = planned(FromFile(str(place / f"{mx.instance.name}.snapshot"), str(mx.repo)))
    return made.changes, made.drift, made.observed, made.guards, made.actions


def test_what_is_planned_from_a_snapshot_is_what_the_host_plans_and_does(mx, tmp_path):
    place = tmp_path / "snapshots"
    for step in ("first", "changed", "drifted"):
        if step == "changed":
            mx.apply()
            mx.write(mx.host_file.read_text().replace("bank.example: encrypt", "bank.example: may, new.example: dane"))
        if step == "drifted":
            mx.main_cf.write_text(mx.main_cf.read_text().replace("smtp_tls_security_level = may", "# gone"))
        done = mx.run("snapshot", "--out", str(place))
        assert done.returncode == 0, done.stderr
        assert from_the_snapshot(mx, place) == on_the_host(mx), step


def test_a_pull_request_is_reviewed_from_what_the_host_signed(mx, tmp_path):
    mx.apply()
    place, allowed, bare = tmp_path / "snapshots", tmp_path / "allowed", tmp_path / "snapshots.git"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    for where in (str(place), f"git+file://{bare}"):
        assert mx.run("snapshot", "--out", where).returncode == 0
    allowed.write_text(mx.run("snapshot", "--public-key").stdout)
    mx.write(mx.host_file.read_text().replace("bank.example: encrypt", "bank.example: may"))
    git(mx.repo, "commit", "-qam", "weaker")
    asked = ("review", "--repo", str(mx.repo), "--base", "HEAD~1", "--head", "HEAD", "--format", "json")
    for where in (str(place), f"git+file://{bare}"):
        done = reconciler(*asked, "--snapshots", where, "--allowed-signers", str(allowed))
        assert done.returncode == 1, done.stderr
        review = json.loads(done.stdout)
        assert review["failed_rules"] == ["tls_weakened"]
        assert [it["basis"]["signer"] for it in review["hosts"]] == [mx.instance.name]
        assert [it["address"] for it in review["hosts"][0]["plan"]["changes"]] == ["table/tls_policy#bank.example"]
        assert review["hosts"][0]["owed"]["changes"] == []
    allowed.write_text(allowed.read_text().replace(mx.instance.name, "mx9.example.org", 1))
    refused = json.loads(reconciler(*asked, "--snapshots", str(place), "--allowed-signers", str(allowed)).stdout)
    assert refused["failed_rules"] == ["snapshot_refused"]


def test_showing_and_publishing_nothing(mx, tmp_path):
    shown = mx.run("snapshot", "--show")
    assert json.loads(shown.stdout)["host"] == mx.instance.name
    assert mx.run("snapshot").returncode == 1
    assert "--out" in mx.run("snapshot").stderr


def test_a_snapshot_that_is_none_is_one_clear_error(mx, tmp_path):
    file = tmp_path / "x.snapshot"
    for content in (b"", b"{}", b"-----BEGIN SSH SIGNATURE-----\n"):
        file.write_bytes(content)
        done = reconciler("plan", "--snapshot", str(file), "--repo", str(mx.repo))
        assert done.returncode == 1
        assert done.stderr.startswith(f"{file}: ")
        assert done.stderr.count("\n") == 1
