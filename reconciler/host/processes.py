"""Processes that this program is responsible for: found, ended, waited for."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

_PAUSE = 0.003  # s, between two looks at something that gives no signal


def until(timeout: timedelta) -> Iterator[None]:
    """Come around again and again until `timeout`, with a short pause between."""
    deadline = time.monotonic() + timeout.total_seconds()
    yield
    while time.monotonic() < deadline:
        time.sleep(_PAUSE)
        yield


def end(pid: int, how: signal.Signals, timeout: timedelta) -> None:
    """Signal a process and wait until it has ended; SIGKILL to its group where it takes longer."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, how)
        if not select.select([descriptor], [], [], timeout.total_seconds())[0]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            select.select([descriptor], [], [], timeout.total_seconds())
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def environments() -> Iterator[tuple[int, bytes]]:
    """Every process and its environment; a zombie has none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                yield int(entry.name), (entry / "environ").read_bytes()


def group(leader: int) -> Iterator[int]:
    """The live processes of a process group."""
    for pid, _ in environments():
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == leader and not _is_zombie(pid):
                yield pid


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True
