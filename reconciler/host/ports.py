"""Free ports of 127.0.0.1 for private instances."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10000

_reserved: dict[int, int] = {}  # a file descriptor each


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and that no other process of this program is given.

    Outside of the ephemeral range, so that no outgoing connection takes it meanwhile.
    """
    low = int(_EPHEMERAL.read_text().split()[0])
    for port in range(_LOWEST, low):
        if port not in _reserved and (reservation := _reserve(port)) is not None:
            _reserved[port] = reservation
            return port
    raise OSError(f"no free port of 127.0.0.1 from {_LOWEST} to {low}")


def give_back(port: int) -> None:
    """Let a port be given again."""
    reservation = _reserved.pop(port, None)
    if reservation is not None:
        os.close(reservation)


def _reserve(port: int) -> int | None:
    """A name in the kernel that only one process can hold, and that goes with it."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0reconciler-port-{port}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        name.close()
        return None
    return name.detach()
