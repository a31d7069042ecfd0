"""A live instance restarted, to recover from a throttled service: by whoever started it.

Where systemd owns the instance, a master(8) that we started would live in our control group and in our sandbox, its
network filter included. Then the unit is restarted.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from reconciler.errors import CommandFailed
from reconciler.host.command import run
from reconciler.host.programs import Postfix

_LIMIT = timedelta(seconds=20)
_SYSTEMD = Path("/run/systemd/system")  # exists where systemd is the init: sd_booted(3)


def restart(postfix: Postfix, pid: int | None) -> None:
    """Stop and start the instance whose master(8) is `pid`.

    Raises CommandFailed, also where it does not run: it is not for us to start it.
    """
    if pid is None:
        raise CommandFailed(("postfix", "-c", postfix.config_directory, "start"), why="it has ended; start it yourself")
    unit = unit_of(pid)
    if unit:
        run(("systemctl", "restart", unit), _LIMIT)
        return
    postfix.stop()
    postfix.start()


def is_stopped_on_purpose(unit: str, systemd: Path = _SYSTEMD) -> bool:
    """Whether somebody stopped a unit that had run; no where nobody can tell."""
    if not unit or not systemd.is_dir():
        return False
    try:
        return ended_well(run(("systemctl", "show", "--property=ActiveState,Result", unit), _LIMIT).stdout)
    except CommandFailed:
        return False


def ended_well(properties: bytes) -> bool:
    """Whether a unit is inactive because it was asked to: one that crashed is `failed`.

    Source: systemctl(1), `show`; org.freedesktop.systemd1(5), ActiveState and Result.
    """
    return {b"ActiveState=inactive", b"Result=success"} <= set(properties.split(b"\n"))


def unit_of(pid: int) -> str:
    """The systemd service that a process belongs to; empty where there is none, or it is our own."""
    if not _SYSTEMD.is_dir():
        return ""
    theirs, ours = _cgroup(str(pid)), _cgroup("self")
    unit = theirs.rpartition("/")[2]
    return unit if unit.endswith(".service") and theirs != ours else ""


def _cgroup(process: str) -> str:
    """Source: cgroups(7), /proc/[pid]/cgroup: `0::/system.slice/postfix@-.service` in the unified hierarchy."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8").splitlines():
            if line.startswith(("0::", "1:name=systemd:")):
                return line.split(":", 2)[2]
    return ""
