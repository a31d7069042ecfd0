"""Whether a package manager is at work, and which: its lock in the kernel's own list, without opening the file."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.frozen import dataclass

LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
)
_KERNEL = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class AtWork:
    """A process that holds the lock of a package manager."""

    program: str
    pid: int
    lock: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid}) holds {self.lock}"


def at_work(locks: tuple[str, ...] = LOCKS) -> AtWork | None:
    """Who holds one of these locks for writing, None where nobody does."""
    inodes = {_identity(path): path for path in locks if _identity(path)}
    if not inodes:
        return None
    for line in _KERNEL.read_text().splitlines():
        fields = line.split()
        if len(fields) < 6 or fields[1] == "->" or fields[3] != "WRITE":
            continue
        path = inodes.get(fields[5].rpartition(":")[2])
        if path:
            return AtWork(_name(int(fields[4])), int(fields[4]), path)
    return None


def _identity(path: str) -> str:
    try:
        return str(os.stat(path).st_ino)  # noqa: PTH116 - its mapping of errors is not wanted
    except OSError:
        return ""


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"
