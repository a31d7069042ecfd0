from __future__ import annotations

import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from reconciler.cli.main import parser

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(it.name for it in UNITS.glob("*.service"))
APPLIERS = [it for it in SERVICES if not it.startswith(("reconciler-puller", "reconciler-webhook"))]


def unit(name: str) -> RawConfigParser:
    read = RawConfigParser(strict=False)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string((UNITS / name).read_text())
    return read


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_a_command_that_there_is_where_the_readme_installs_it(name: str) -> None:
    program, *argv = shlex.split(unit(name)["Service"]["ExecStart"])
    assert program == "/opt/reconciler/bin/reconciler"
    assert f"python3.11 -m venv {Path(program).parents[1]}" in (UNITS.parent / "README.md").read_text()
    assert parser().parse_args(argv).command == argv[0]


@pytest.mark.parametrize("name", SERVICES)
def test_36_a_service_is_as_exposed_as_the_decision_says(name: str, tmp_path: Path) -> None:
    """Guarantee 36; docs/decisions tells why the applier is at 2.4."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    system = tmp_path / "etc/systemd/system"
    system.mkdir(parents=True)
    for path in UNITS.glob("*.service"):
        shutil.copy(path, system)
    name = name.replace("@.", "@postfix-out.")
    limit = 24 if name.replace("@postfix-out.", "@.") in APPLIERS else 12
    argv = ["systemd-analyze", "security", "--offline=true", f"--root={tmp_path}", f"--threshold={limit}", name]
    done = subprocess.run([*argv, "--no-pager"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@pytest.mark.parametrize("name", APPLIERS)
def test_the_half_with_the_power_has_no_network_but_loopback(name: str) -> None:
    service = unit(name)["Service"]
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == ("any", "localhost")
    capabilities = "CAP_SETUID CAP_SETGID CAP_CHOWN CAP_FOWNER CAP_DAC_READ_SEARCH"
    assert service["CapabilityBoundingSet"] == capabilities


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(APPLIERS)))
def test_the_half_with_the_network_has_no_power(name: str) -> None:
    service = unit(name)["Service"]
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"].startswith("reconciler-")
    assert "-/etc/postfix" in service["InaccessiblePaths"]


@pytest.mark.parametrize("name", SERVICES)
def test_35_what_a_service_keeps_is_its_own(name: str) -> None:
    """Guarantee 35."""
    service = unit(name)["Service"]
    assert service["UMask"] == "0077"
    assert service.get("StateDirectoryMode", "0700") == "0700"


def test_33_systemd_restarts_an_agent_that_shows_no_life_for_longer_than_a_cycle_may_take() -> None:
    """Guarantee 33."""
    from datetime import timedelta

    from reconciler.settings.agent import Agent
    from reconciler.settings.fields import parse_duration

    service = unit("reconciler.service")["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert parse_duration(service["WatchdogSec"].replace("min", "m")) > Agent().cycle_limit + timedelta(seconds=60)


def test_the_timer_starts_the_service_of_its_name() -> None:
    assert unit("reconciler-once.timer")["Install"]["WantedBy"] == "timers.target"
    assert (UNITS / "reconciler-once.service").exists()


def test_users_and_files_are_those_that_the_units_name() -> None:
    users = {
        line.split()[1] for line in (UNITS / "reconciler.sysusers").read_text().splitlines() if line.startswith("u")
    }
    assert users == {unit(it)["Service"]["User"] for it in SERVICES if "User" in unit(it)["Service"]}
    assert "f /run/reconciler/trigger 0664 root reconciler-webhook" in (UNITS / "reconciler.tmpfiles").read_text()
    assert unit("reconciler-webhook.service")["Service"]["ReadWritePaths"] == "/run/reconciler/trigger"


def test_an_instance_can_have_settings_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.settings.load import load

    assert unit("reconciler@.service")["Service"]["EnvironmentFile"] == "-/etc/reconciler/%i.env"
    docs = (UNITS.parent / "docs/agent.md").read_text()
    name, _, value = "RECONCILER_METRICS__LISTEN=127.0.0.1:9188".partition("=")
    assert f"{name}={value}" in docs
    monkeypatch.setenv(name, value)
    assert load("").settings.metrics.listen == value


def test_what_one_half_lays_down_the_other_takes_away() -> None:
    spool = "/var/lib/reconciler-spool"
    assert f"d {spool} 2770 root reconciler-puller" in (UNITS / "reconciler.tmpfiles").read_text()
    halves = [unit(it)["Service"] for it in SERVICES if "webhook" not in it]
    assert len(halves) == 5
    for service in halves:
        assert f" --spool {spool}" in service["ExecStart"]
        assert f"-{spool}" in service["ReadWritePaths"].split()


@pytest.mark.parametrize("name", [*SERVICES, "reconciler-once.timer"])
def test_systemd_understands_every_line(name: str, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(UNITS / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    complaints = [it for it in done.stderr.splitlines() if "/systemd/reconciler" in it and "not executable" not in it]
    assert [it for it in complaints if "No such file" not in it] == []
