"""The shell around the schedule: its limits, and what systemd hears. The turns here are ones that hang or fail."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply.state import StateDirectory
from reconciler.errors import CommandFailed, Locked, ReconcilerError, SourceUnreadable
from reconciler.host import clock, programs
from reconciler.host.command import Running
from reconciler.host.notify_socket import NotifySocket
from reconciler.loop.agent import Agent, CycleTooLong
from reconciler.loop.fingerprint import Fingerprints
from reconciler.loop.schedule import Outcome, Times
from reconciler.loop.telling import Teller
from reconciler.loop.turned import Turned


class Turns:
    """Does in a turn what it is told to."""

    def __init__(self, directory: Path, take: Callable[[], Turned]) -> None:
        self.state = StateDirectory(str(directory), "mx")
        self.teller = Teller(self.state)
        self.seen = Fingerprints({})
        self.trouble: ReconcilerError | None = None
        self.clock = clock.now
        self.newest: str = ""
        self._take = take

    def take(self, *, full: bool = True) -> Turned:
        assert isinstance(full, bool)
        return self._take()

    def nothing_changed(self) -> bool:
        return False

    def settle(self) -> None:
        """Nothing is seen here."""


def settled() -> Turned:
    return Turned(Outcome.SETTLED, "Synced", "nothing to do", "4711")


def hang() -> Turned:
    while True:
        time.sleep(0.01)


def test_33_a_pass_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """Guarantee 33."""
    agent = Agent(Turns(tmp_path, hang), limit=timedelta(seconds=0.2))
    with agent._signals(), pytest.raises(CycleTooLong):
        agent._bounded()


def test_33_a_program_that_hangs_is_killed_with_what_it_started_within_a_minute() -> None:
    """Guarantee 33."""
    assert timedelta(seconds=60) >= programs.TIMEOUT
    hanging = Running(("sh", "-c", "sleep 1000 & echo $! >&2; sleep 1000"), timedelta(seconds=0.3))
    with pytest.raises(CommandFailed, match=r"no answer within 0.3 s"):
        hanging.finish()


def test_33_the_watchdog_hears_of_life_only_while_the_loop_goes_round(tmp_path: Path) -> None:
    """Guarantee 33: a turn that hangs says nothing, and systemd restarts the agent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(str(tmp_path / "notify"))
        notify = NotifySocket(str(tmp_path / "notify"), watchdog_s=0.2)
        agent = Agent(Turns(tmp_path, settled), Times(heartbeat=0.05), notify=notify, watching=False)
        heard: list[bytes] = []

        def listen() -> None:
            while heard.count(b"WATCHDOG=1") < 5:
                heard.append(manager.recv(256))
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=listen)
        thread.start()
        agent.run()
        thread.join()
    assert heard[0] == b"READY=1"
    assert b"STATUS=Synced at 4711: nothing to do" in heard


def test_a_failing_turn_is_told_tried_again_and_ends_nothing(tmp_path: Path) -> None:
    count = 0

    def failing() -> Turned:
        nonlocal count
        count += 1
        if count == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        raise SourceUnreadable("nobody answers")

    agent = Agent(Turns(tmp_path, failing), Times(first_retry=0.01, last_retry=0.02), watching=False)
    agent.run()
    assert count == 3


def test_one_agent_an_instance(tmp_path: Path) -> None:
    first, second = (Agent(Turns(tmp_path, settled)) for _ in range(2))
    with first._alone(), pytest.raises(Locked, match=f"process {os.getpid()}"), second._alone():
        raise AssertionError("two at once")
