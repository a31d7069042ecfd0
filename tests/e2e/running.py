"""An agent at work in a process of its own, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
PATIENCE = 60  # seconds, on a busy machine
STATE = """\
enforce: all
certificates: {default: {chain_files: [tls/mx.pem], until_present: self_signed}}
incoming: {security_level: may, loglevel: 1, policies: {senders: [bank.example]}}
outgoing: {security_level: may, policies: {bank.example: encrypt}}
"""


class Running:
    """An agent at work, and what it says."""

    def __init__(self, mx: Any, directory: Path, settings: str = "", *more: str) -> None:
        self.mx = mx
        self.trigger = directory / "trigger"
        self.settings = directory / "reconciler.toml"
        defaults = f'trigger_file = "{self.trigger}"\nfreeze_file = "{directory}/freeze"\n'
        self.settings.write_text("[agent]\n" + defaults + settings)
        self.said: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.more = more
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        argv = [*self.mx.arguments("agent", *self.more), "--settings", str(self.settings)]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(argv, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True, umask=0)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        return self.process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr
        with process.stderr:
            for line in process.stderr:
                self.raw.append(line)
                if line.startswith("{"):
                    self.said.append(json.loads(line))

    def wait_for(self, what: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            assert self.process.poll() is None, "".join(self.raw)
            time.sleep(0.02)
        raise AssertionError("it never came:\n" + "".join(self.raw[-20:]))

    def wait_for_served(self, what: Callable[[], bool]) -> None:
        """While the agent is stopped."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, self.mx.instance.log()
            time.sleep(0.05)

    def say(self, command: str, *more: str) -> str:
        """What another command prints."""
        argv = [sys.executable, "-m", "reconciler", command, *more]
        done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_for_event(self, name: str, count: int = 1, **facts: Any) -> dict[str, Any]:
        def found() -> Any:
            known = [it for it in self.events(name) if facts.items() <= it.items()]
            return known[count - 1] if len(known) >= count else None

        return self.wait_for(found)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [it for it in list(self.said) if it["event"] == name]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)
