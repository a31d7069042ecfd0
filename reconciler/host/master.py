"""Whether an instance runs: master(8) holds an exclusive lock on its pid file for as long as it lives."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket

from reconciler.host.owner import as_owner

_LOCKS = Path("/proc/locks")
_CONFIG = b"MAIL_CONFIG="
_QUEUE_PROCESSES = ("pickup", "qmgr")
_WAKE_UP = b"W"  # TRIGGER_REQ_WAKEUP
_TRIGGER_TIMEOUT = 0.2  # seconds


def pid(queue_directory: str, config_directory: str = "") -> int | None:
    """The process id of master(8), None where it does not run.

    What `postfix status` finds out with `master -t`, without starting a program and without making the file.
    A copied configuration names the queue of the original: with `config_directory`, a master that was started with
    another one is not meant.
    """
    found = _of_queue(queue_directory)
    return found if found is None or not config_directory or _serves(found, config_directory) else None


def nudge(master: int, queue_directory: str) -> None:
    """Let its loop come around once more, and have pickup and qmgr run; neither changes anything.

    SIGHUP sets a flag that the loop looks at after each event. One that comes between that look and the next wait is
    not seen until something else happens, on an idle host for minutes. SIGCHLD ends the wait.

    pickup and qmgr that still start when a second reload comes take the wake-up that is meant for the ones after them,
    and end: nobody runs then before master's next wake-up, 60 and 300 seconds later. It is sent again, by the protocol
    that postkick(1) speaks.

    Source: master/master.c, master/master_sig.c, master/master_wakeup.c, global/mail_trigger.c.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.kill(master, signal.SIGCHLD)
    public = Path(queue_directory, "public")
    with suppress(OSError), as_owner(public):
        for name in _QUEUE_PROCESSES:
            _wake(public / name)


def _wake(service: Path) -> None:
    with suppress(OSError), socket(AF_UNIX, SOCK_STREAM) as trigger:
        trigger.settimeout(_TRIGGER_TIMEOUT)
        trigger.connect(str(service))
        trigger.send(_WAKE_UP)


def _serves(pid: int, config_directory: str) -> bool:
    """Whether a master runs with this directory, which postfix(1) tells it in MAIL_CONFIG; yes where that is hidden."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return True
    told = next((it for it in variables if it.startswith(_CONFIG)), b"").removeprefix(_CONFIG)
    return not told or Path(os.fsdecode(told)).resolve() == Path(config_directory).resolve()


def _of_queue(queue_directory: str) -> int | None:
    path = f"{queue_directory}/pid/master.pid"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        return _holder(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 64).strip()
        return int(text) if text.isdigit() else _holder(path)
    finally:
        os.close(descriptor)
    return None


def _holder(path: str) -> int | None:
    """Who holds the lock, as the kernel tells everybody: for users who may not read the file."""
    try:
        inode = Path(path).stat().st_ino
    except OSError:
        return None
    fields = [line.split() for line in _LOCKS.read_text().splitlines()]
    held = (it for it in fields if it[1:4] == ["FLOCK", "ADVISORY", "WRITE"] and it[5].rpartition(":")[2] == str(inode))
    return next((int(it[4]) for it in held), None)
