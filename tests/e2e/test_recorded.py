from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.postfix
STATE = "enforce: all\noutgoing: {loglevel: 1}\n"


def test_a_hand_edit_that_was_healed_is_on_record(site: Callable[..., Any]) -> None:
    mx = site(STATE)
    mx.apply()
    mx.instance.write("main.cf", mx.main_cf.read_text().replace("smtp_tls_loglevel = 1", "smtp_tls_loglevel = 3"))
    mx.apply()
    argv = [
        sys.executable,
        "-m",
        "reconciler",
        "drift",
        "-c",
        mx.instance.config_directory,
        "--state-dir",
        str(mx.memory),
    ]
    told = json.loads(subprocess.run([*argv, "--format", "json"], capture_output=True, text=True, check=True).stdout)
    assert [(it["address"], it["written"], it["live"]) for it in told["drift"]] == [
        ("main.cf/smtp_tls_loglevel", "1", "3")
    ]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    first, second, last = shown.splitlines()
    assert "main.cf/smtp_tls_loglevel: was 1, found 3; healed " in first
    assert second.startswith("  parameter; file of uid 0, written ")
    assert last == "Drift: 1 recorded, 0 open."
    assert "Drift: 0 recorded" in run(*argv, "--host", "mx9.example.org"), "of another host nothing is known here"
    assert "Drift: 0 recorded" in run(*argv, "--kind", "table-row")
    assert "Drift: 1 recorded" in run(*argv, "--since", "1h", "--host", "mx1.example.org")


def run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_the_demo_plays_to_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "demo"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "0 failed" in done.stdout.splitlines()[-3]
    assert done.stdout.endswith("The demo ended as it shall; everything it started is stopped.\n")
