from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from reconciler.host.notify_socket import NotifySocket, from_environment


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path):
    """The end that systemd holds: a real datagram socket, in both name spaces."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(10)
        path = str(tmp_path / "notify")
        listening.bind(path if request.param == "path" else f"\0{path}")
        yield listening, path if request.param == "path" else f"@{path}"


def test_what_systemd_hears(manager) -> None:
    listening, address = manager
    to = NotifySocket(address, watchdog_s=10)
    to.ready()
    to.alive()
    to.status("Synced at 4711:\n nothing to do")
    to.stopping()
    heard = [listening.recv(256) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STATUS=Synced at 4711: nothing to do", b"STOPPING=1"]


def test_without_systemd_nothing_is_said(tmp_path: Path) -> None:
    NotifySocket().ready()
    NotifySocket(str(tmp_path / "nobody")).ready()


def test_the_watchdog_is_kept_alive_only_where_it_is_meant_for_this_process() -> None:
    asked = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"}
    assert from_environment(asked) == NotifySocket("/run/notify", 30.0)
    assert from_environment({**asked, "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 30.0
    assert from_environment({**asked, "WATCHDOG_PID": "1"}).watchdog_s is None
    assert from_environment({}) == NotifySocket()
