"""Where a systemd unit owns the instance, the way back restarts the unit, and starts no master(8) of its own.

systemd itself is not to be had in a container. Real are the control groups, which say who owns a process, and what
tells that systemd is the init; `systemctl` is a program that writes down how it was called, and does what systemd does:
it ends the unit's processes and starts the service within the unit's control group.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.host.processes import until
from tests.apply.conftest import STATE, Site, environment

pytestmark = pytest.mark.postfix
Make = Callable[..., Site]

ROOTS = (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup"))
BREAKING = STATE + 'submission: {listen: "127.0.0.1:%d", sasl: {type: dovecot, path: private/nobody}}\n'
INSIDE = """\
mount -t tmpfs none /run && mkdir -p /run/systemd/system && mount --bind "$1" /usr/local/sbin || exit 99
test -z "$2" || echo $$ >"$2/cgroup.procs" || exit 99
shift 2
exec "$@"
"""
SYSTEMCTL = """\
#!/bin/sh
echo "$@" >>{said}
{does}
"""
RESTART = """\
echo $$ >{unit}/cgroup.procs
postfix -c {etc} stop && exec postfix -c {etc} start
"""


@dataclass(frozen=True)
class Units:
    """Control groups as systemd lays them out for units."""

    root: Path
    made: list[Path]

    def make(self, name: str) -> Path:
        path = self.root / f"reconciler-test-{os.getpid()}-{name}"
        path.mkdir()
        self.made.append(path)
        return path


@pytest.fixture
def units() -> Iterator[Units]:
    root = next((it for it in ROOTS if os.access(it / "cgroup.procs", os.W_OK)), None)
    if root is None:
        pytest.skip("no control group can be made here")
    made = Units(root, [])
    yield made
    for path in made.made:
        _empty(path, root)


def _empty(path: Path, root: Path) -> None:
    for _ in until(timedelta(seconds=20)):
        for pid in (path / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (root / "cgroup.procs").write_text(pid)
        with suppress(OSError):
            path.rmdir()
            return


def owned(mx: Site, unit: Path) -> None:
    """As if the unit had started it."""
    for pid in mx.instance.processes():
        with suppress(OSError):  # ended meanwhile
            (unit / "cgroup.procs").write_text(str(pid))


def taken_back(mx: Site, does: str, tmp_path: Path, ours: Path | None = None) -> tuple[str, list[str]]:
    """What an apply that breaks smtpd says, and how systemctl was called in it."""
    from reconciler.host.ports import free_port

    sbin, said = tmp_path / "sbin", tmp_path / "said"
    sbin.mkdir()
    (sbin / "systemctl").write_text(SYSTEMCTL.format(said=said, does=does))
    (sbin / "systemctl").chmod(0o755)
    said.touch()
    before = mx.contents()
    mx.write(BREAKING % free_port())
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", INSIDE, "sh", str(sbin), str(ours or ""),
         *mx.command("--skip-canary")],
        cwd=Path(__file__).parents[2], env=environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    if done.returncode == 99:
        pytest.skip(f"no mount namespace can be made here: {done.stderr}")
    assert (done.returncode, mx.contents()) == (1, before)
    assert "throttling" in mx.instance.log()
    return done.stderr, said.read_text().splitlines()


def test_the_unit_is_restarted_once_and_the_new_master_is_its_own(site: Make, units: Units, tmp_path: Path) -> None:
    mx = site()
    assert mx.apply().returncode == 0
    unit, before = units.make("postfix@mx1.service"), mx.instance.pid
    owned(mx, unit)
    told, calls = taken_back(mx, RESTART.format(unit=unit, etc=mx.instance.config_directory), tmp_path)
    assert calls == [f"restart {unit.name}"]
    assert "the files are back as they were, and Postfix does what it did before, with a restart" in told
    mx.serves()
    assert mx.instance.pid not in (None, before)
    assert str(mx.instance.pid) in (unit / "cgroup.procs").read_text().split()


def test_what_systemctl_says_against_it_is_told_and_no_master_is_started(site: Make, units: Units, tmp_path) -> None:
    mx = site()
    assert mx.apply().returncode == 0
    unit, before = units.make("postfix@mx1.service"), mx.instance.pid
    owned(mx, unit)
    told, calls = taken_back(mx, "echo Access denied >&2; exit 4", tmp_path)
    assert calls == [f"restart {unit.name}"]
    assert f"the old files are back, but systemctl restart {unit.name}: Access denied" in told
    assert mx.instance.pid == before


def test_an_agent_that_is_a_unit_takes_no_master_that_was_started_by_hand_into_its_sandbox(
    site: Make, units: Units, tmp_path: Path
) -> None:
    """Its network filter would keep mail from leaving, and its end would end Postfix."""
    mx = site()
    assert mx.apply().returncode == 0
    before = mx.instance.pid
    told, calls = taken_back(mx, "exit 1", tmp_path, ours=units.make("reconciler.service"))
    assert calls == []
    assert "the old files are back, but postfix -c " in told
    assert "it would run in this agent's sandbox; restart it yourself" in told
    assert mx.instance.pid == before
