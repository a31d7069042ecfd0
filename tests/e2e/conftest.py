"""The command as a user runs it: a process of its own, against a private Postfix, with the state in a directory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.host.instance import PrivateInstance
from tests.e2e.running import STATE, Running

PROJECT = Path(__file__).parents[2]
MX = "mx1.example.org"


@dataclass(frozen=True)
class Site:
    """An instance, a state repository for it, and the memory of the agent."""

    instance: PrivateInstance
    repo: Path
    memory: Path

    @property
    def host_file(self) -> Path:
        return self.repo / f"hosts/{self.instance.name}.yaml"

    @property
    def main_cf(self) -> Path:
        return Path(self.instance.config_directory, "main.cf")

    @property
    def master_cf(self) -> Path:
        return Path(self.instance.config_directory, "master.cf")

    def arguments(self, command: str, *more: str) -> list[str]:
        where = ["--repo", str(self.repo), "-c", self.instance.config_directory, "--state-dir", str(self.memory)]
        return [sys.executable, "-m", "reconciler", command, *where, *more]

    def run(self, command: str, *more: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [*before, *self.arguments(command, *more)],
            cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def plan(self) -> subprocess.CompletedProcess[str]:
        return self.run("plan", "--detailed-exitcode")

    def apply(self) -> subprocess.CompletedProcess[str]:
        done = self.run("apply", "--auto-approve")
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def write(self, state: str) -> None:
        self.host_file.write_text(state)

    def fingerprint(self) -> dict[str, tuple[object, ...]]:
        """Everything below the configuration directory, and the record: content, mode, owner, time, inode.

        The journals are left out: what was refused is told there.
        """
        found: dict[str, tuple[object, ...]] = {}
        for path in (*Path(self.instance.config_directory).rglob("*"), *self.memory.glob("*/*.json")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            modified = about.st_mtime_ns if path.is_file() else 0
            found[str(path)] = (content, about.st_mode, about.st_uid, modified, about.st_ino)
        return found


@pytest.fixture
def site(instances: Callable[..., PrivateInstance], tmp_path: Path) -> Callable[..., Site]:
    """`site(state)` gives a running instance and a repository whose host file says `state`; None takes the example."""

    def make(state: str | None = None, **options: object) -> Site:
        instance = instances(MX, **options)
        repo = tmp_path / "state"
        if state is None:
            shutil.copytree(PROJECT / "state-repo-example", repo)
        else:
            (repo / "hosts").mkdir(parents=True)
        made = Site(instance, repo, tmp_path / "memory")
        if state is not None:
            made.write(state)
        return made

    return make


@pytest.fixture
def agent(site: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def make(
        settings: str = "",
        *more: str,
        state: str = STATE,
        files: Mapping[str, str] | None = None,
        prepare: Callable[[Site], None] = lambda _: None,
    ) -> Running:
        mx = site(state)
        for name, content in (files or {}).items():
            mx.instance.write(name, content)
        prepare(mx)
        made = Running(mx, tmp_path, settings, *more)
        running.append(made)
        return made

    yield make
    for it in running:
        if it.process.poll() is None:
            it.stop()  # not killed: a reload under way would outlive it


@pytest.fixture
def receiver() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, got
        server.shutdown()
        thread.join()
