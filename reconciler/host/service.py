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

    Raises CommandFailed, also where it does not run, and where somebody started it by hand and we are a unit ourselves:
    it is not for us to start it then.
    """
    if pid is None:
        raise CommandFailed(("postfix", "-c", postfix.config_directory, "start"), why="it has ended; start it yourself")
    unit = unit_of(pid)
    if unit:
        run(("systemctl", "restart", unit), _LIMIT)
        return
    start = ("postfix", "-c", postfix.config_directory, "start")
    if _would_be_ours(pid):
        raise CommandFailed(start, why="not tried, for it would run in this agent's sandbox; restart it yourself")
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
    theirs = _cgroup(str(pid))
    return _unit(theirs) if theirs != _cgroup("self") else ""


def _would_be_ours(pid: int) -> bool:
    """Whether what we start would come into the control group of a unit that the process was not in."""
    ours = _cgroup("self")
    return _SYSTEMD.is_dir() and bool(_unit(ours)) and ours != _cgroup(str(pid))


def _unit(cgroup: str) -> str:
    name = cgroup.rpartition("/")[2]
    return name if name.endswith(".service") else ""


def _cgroup(process: str) -> str:
    """Where systemd has put a process.

    Source: cgroups(7), /proc/[pid]/cgroup: `0::/system.slice/postfix@-.service` in the unified hierarchy, and
    `1:name=systemd:/…` where that is not systemd's own.
    """
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            found[controllers] = path
    return found.get("name=systemd", found.get("", ""))
