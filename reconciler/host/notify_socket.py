"""The notify socket of systemd, sd_notify(3) in a few lines: ready, alive, stopping, a word for `systemctl status`."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from reconciler.frozen import dataclass


@dataclass(frozen=True, slots=True)
class NotifySocket:
    """`address` is empty where systemd does not listen; then nothing is said. A leading @ is the abstract namespace."""

    address: str = ""
    watchdog_s: float | None = None  # within which a sign of life is expected

    def ready(self) -> None:
        self._say("READY=1")

    def alive(self) -> None:
        if self.watchdog_s is not None:
            self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line, as `systemctl status` shows it."""
        self._say("STATUS=" + " ".join(text.split()))

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def _say(self, message: str) -> None:
        if not self.address:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)  # a manager that does not read is no reason to stand still
            out.sendto(message.encode(), name)


def from_environment(environ: Mapping[str, str] = os.environ) -> NotifySocket:
    """The socket that systemd names, and the watchdog where it is meant for this process."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    ours = usec.isdigit() and (not pid or pid == str(os.getpid()))
    return NotifySocket(environ.get("NOTIFY_SOCKET", ""), int(usec) / 1e6 if ours else None)
