"""The agent: P2 what a tick costs, P5 an edit seen and healed, P4 a commit served, P8 what it takes while it idles."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import typical
from reconciler.host.instance import PrivateInstance, workspace

PYTHON = sys.executable
T = TypeVar("T")
_PATIENCE = 60.0  # s
# structlog takes rich along where it is installed, as for developers; no host has it
_AS_ON_A_HOST = (
    "import runpy, sys; sys.modules['rich'] = None; sys.argv[0] = 'reconciler'; "
    "runpy.run_module('reconciler', run_name='__main__', alter_sys=True)"
)
_GIT = {
    "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "b@example", "GIT_COMMITTER_NAME": "bench",
    "GIT_COMMITTER_EMAIL": "b@example", "GIT_CONFIG_GLOBAL": "/dev/null",
}  # fmt: skip


@dataclass
class Watched:
    """An agent at work; every event with the moment at which it was read."""

    process: subprocess.Popen[str]
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stderr
        with self.process.stderr:
            for line in self.process.stderr:
                if line.startswith("{"):
                    self.events.append((time.perf_counter(), json.loads(line)))

    def wait(self, name: str, after: float) -> float:
        def found() -> float | None:
            return next((at for at, event in list(self.events) if at > after and event["event"] == name), None)

        return until(found)


def until(what: Callable[[], T | None], told: object = "") -> T:
    deadline = time.perf_counter() + _PATIENCE
    while time.perf_counter() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.001)
    raise AssertionError(f"it never came: {told}")


@contextmanager
def agent(instance: PrivateInstance, repo: str, directory: str, settings: str = "") -> Iterator[Watched]:
    file = Path(directory, "reconciler.toml")
    file.write_text(
        '[trust]\nsignatures = "off"\n[source]\npoll_interval = "1h"\n'
        f'[instance]\ncache_directory = "{directory}/cache"\n'
        f'[agent]\ntrigger_file = "{directory}/trigger"\nfreeze_file = "{directory}/freeze"\n{settings}'
    )
    where = ["--repo", repo, "-c", instance.config_directory, "--state-dir", f"{directory}/memory"]
    argv = [PYTHON, "-c", _AS_ON_A_HOST, "agent", *where, "--settings", str(file)]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    watched = Watched(process)
    threading.Thread(target=watched.listen, daemon=True).start()
    try:
        yield watched
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)


def row(goal: str, what: str, cost: float, unit: str, target: str, *, floor: float = 0.0) -> None:
    beside = f"  floor {floor:7.2f} {unit}  ratio {cost / floor:5.2f}" if floor else " " * 31
    print(f"{goal}  {what:<46} {cost:8.2f} {unit}{beside}  goal {target}", flush=True)


def tick(instance: PrivateInstance, repo: str, directory: str) -> None:
    """P2, in this process: what the loop does when nothing has changed."""
    from datetime import timedelta

    from reconciler.loop import ways
    from reconciler.loop.place import Where
    from reconciler.settings.agent import Agent

    where = Where(repo, instance.config_directory, f"{directory}/memory")
    made = ways.agent(ways.Ways(where, timedelta(hours=1)), Agent(freeze_file="/nowhere", trigger_file=""))
    made.turn.take()
    made.turn.take()
    rounds = 500
    assert made.turn.nothing_changed()
    start = time.process_time()
    for _ in range(rounds):
        made.turn.nothing_changed()
    cost = (time.process_time() - start) / rounds * 1000
    paths = list(made.turn.seen.marks)
    start = time.process_time()
    for _ in range(rounds):
        for path in paths:
            try:
                os.stat(path)
            except OSError:
                continue
    floor = (time.process_time() - start) / rounds * 1000
    row("P2", f"tick, nothing to do, {len(paths)} files (CPU)", cost, "ms", "≤ 1 ms, stretch ≤ 0.2 ms", floor=floor)


def edits(instance: PrivateInstance, remote: Path, directory: str, watched: Watched) -> None:
    """P5: a line of main.cf changed by hand."""
    host = remote / f"hosts/{instance.name}.yaml"
    seen, served = [], []
    for _ in range(5):
        text = Path(instance.config_directory, "main.cf").read_text()
        assert "smtpd_tls_security_level = may" in text
        time.sleep(0.5)
        instance.write("main.cf", text.replace("smtpd_tls_security_level = may", "smtpd_tls_security_level = none"))
        start = time.perf_counter()
        seen.append((watched.wait("drift.found", start) - start) * 1000)
        until(lambda: "smtpd_tls_security_level = may" in Path(instance.config_directory, "main.cf").read_text())
        until(lambda: b"STARTTLS" in ehlo(instance.smtpd_port))
        served.append((time.perf_counter() - start) * 1000)
        watched.wait("pass.finished", start)
        host.write_text(host.read_text() + "# another revision: a fourth correction would be a fight\n")
        git(remote, "commit", "-qam", "change")
        Path(directory, "trigger").touch()
        time.sleep(3)
    row("P5", "hand edit → drift event recorded", statistics.median(seen), "ms", "≤ 50, stretch ≤ 10")
    row("P5", "hand edit → healed and served", statistics.median(served), "ms", "≤ 500, stretch ≤ 250")


def ehlo(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        stream = connection.makefile("rb")
        stream.readline()
        connection.sendall(b"EHLO bench.example\r\n")
        answer = b""
        for line in stream:
            answer += line
            if line[3:4] == b" ":
                break
        connection.sendall(b"QUIT\r\n")
        stream.readline()
    return answer


def repository(directory: Path) -> Path:
    """Small, so that what is measured is the way of a change and not its size."""
    (directory / "hosts").mkdir(parents=True)
    policies = ", ".join(f"d{number}.example: encrypt" for number in range(20))
    (directory / f"hosts/{typical.NAME}.yaml").write_text(
        "enforce: all\ncertificates: {default: {chain_files: [tls/mx.pem], until_present: self_signed}}\n"
        "incoming:\n  security_level: none\n  loglevel: 1\n"
        f"outgoing: {{security_level: may, policies: {{{policies}}}}}\n"
    )
    return directory


def git(repo: Path, *argv: str) -> None:
    subprocess.run(["git", "-C", repo, *argv], env={**os.environ, **_GIT}, check=True, capture_output=True)


def commits(instance: PrivateInstance, remote: Path, directory: str, watched: Watched) -> None:
    """P4: incoming TLS switched on and off again by commits; the trigger is touched as a webhook does."""
    host = remote / f"hosts/{instance.name}.yaml"
    off, on = ("security_level: none\n  loglevel", "security_level: may\n  loglevel")
    times = []
    for _ in range(5):
        start = push(host, remote, off, on)
        Path(directory, "trigger").touch()
        until(lambda: b"STARTTLS" in ehlo(instance.smtpd_port), watched.events[-3:])
        times.append((time.perf_counter() - start) * 1000)
        watched.wait("pass.finished", start)
        time.sleep(1.5)  # beyond the gap between two looks that are asked for
        start = push(host, remote, on, off)  # a state that was live before: no guard stops it
        Path(directory, "trigger").touch()
        watched.wait("pass.finished", start)
        time.sleep(1.5)
    start = push(host, remote, off, on)
    Path(directory, "trigger").touch()
    watched.wait("pass.finished", start)
    floor = statistics.median(by_hand(instance, remote, directory) for _ in range(5))
    row("P4", "commit pushed → served", statistics.median(times), "ms", "≤ 1.6", floor=floor)


def push(host: Path, remote: Path, old: str, new: str) -> float:
    text = host.read_text()
    assert old in text, text
    host.write_text(text.replace(old, new, 1))
    git(remote, "commit", "-qam", "change")
    return time.perf_counter()


def by_hand(instance: PrivateInstance, remote: Path, directory: str) -> float:
    """The floor: fetch, check, reload, EHLO."""
    clone = Path(directory, "floor")
    if not clone.exists():
        subprocess.run(["git", "clone", "-q", "--bare", remote, clone], check=True)
    start = time.perf_counter()
    git(clone, "fetch", "-q", "origin")
    for command in ("check", "reload"):
        subprocess.run(["postfix", "-c", instance.config_directory, command], check=True, capture_output=True)
    ehlo(instance.smtpd_port)
    return (time.perf_counter() - start) * 1000


def idle(watched: Watched, *, seconds: float = 20.0) -> None:
    """P8: memory and processor of a process that has nothing to do."""
    time.sleep(2)
    pid = watched.process.pid
    before, start = _cpu(pid), time.perf_counter()
    time.sleep(seconds)
    share = (_cpu(pid) - before) / (time.perf_counter() - start) * 100
    memory = next(
        int(line.split()[1]) / 1024
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    row("P8", "idle agent, in one process: resident", memory, "MB", "≤ 100, stretch ≤ 70")
    row("P8", "idle agent, in one process: of a core", share, "% ", "< 0.2")


def halves(instance: PrivateInstance, remote: Path, directory: str, *, seconds: float = 61.0) -> None:
    """P8: puller and applier as the units run them: commits are signed, what leaves goes through a spool.

    The remote is asked once a minute, and that is in it.
    """
    private = tempfile.mkdtemp(dir=directory)
    file, key = Path(private, "reconciler.toml"), Path(private, "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    Path(private, "signers").write_text(f"bench@example {key.with_suffix('.pub').read_text()}")
    Path(private, "spool").mkdir()
    git(
        remote, "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}", "commit", "-qS", "--allow-empty", "-m", "signed"
    )
    head = subprocess.run(["git", "-C", remote, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    file.write_text(
        f'[trust]\nsignatures = "required"\nallowed_signers = "{private}/signers"\nanchor = "{head.stdout.strip()}"\n'
        f'[source]\nurl = "file://{remote}"\nbranch = "main"\n'
        f'[instance]\ncache_directory = "{private}/cache"\n[metrics]\ntextfile = "{private}/numbers.prom"\n'
        f'[agent]\ntrigger_file = "{private}/trigger"\nfreeze_file = "{private}/freeze"\n'
    )
    common = ["--settings", str(file), "--spool", f"{private}/spool"]
    pull = ["pull", "--state-dir", f"{private}/puller", *common]
    where = ["--repo", f"handover:{private}/puller/state", "--branch", "main", "-c", instance.config_directory]
    apply = ["agent", *where, "--state-dir", f"{private}/memory", *common]
    for is_measured in (False, True):  # the first start makes the store
        running = []
        for argv in (pull, apply):
            command = [PYTHON, "-c", _AS_ON_A_HOST, *argv]
            running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            time.sleep(5)
        try:
            time.sleep(5)
            assert Path(private, "memory/etc/last-applied.json").exists(), "the applier did not come to an end"
            if is_measured:
                before, start = sum(_cpu(it.pid) for it in running), time.perf_counter()
                time.sleep(seconds)
                share = (sum(_cpu(it.pid) for it in running) - before) / (time.perf_counter() - start) * 100
                row("P8", "idle puller and applier: resident", _resident_mb(it.pid for it in running), "MB", "≤ 100")
                row("P8", "idle puller and applier: of a core", share, "% ", "< 0.2")
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
                process.wait(_PATIENCE)


def _resident_mb(pids: Iterable[int]) -> float:
    """What is each one's own, and every file that is mapped, once: whoever else has it mapped changes nothing."""
    own, files = 0, dict[str, int]()
    for pid in pids:
        mapped = dict[str, int]()
        name, resident = "", 0
        for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
            words = line.split()
            if not words[0].endswith(":"):
                name = " ".join(words[5:])
            elif words[0] == "Rss:":
                resident = int(words[1])
            elif words[0] == "Anonymous:":
                own += int(words[1])
                mapped[name] = mapped.get(name, 0) + resident - int(words[1])
        files |= {name: max(size, files.get(name, 0)) for name, size in mapped.items()}
    return (own + sum(files.values())) / 1024


def _cpu(pid: int) -> float:
    """Seconds, with those of the programs that it started and that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def polls(remote: Path, directory: str) -> None:
    """P8: what asking a remote costs that has nothing new, beside git itself."""
    from reconciler.source.follow import Source
    from reconciler.source.policy import Policy, Signed
    from reconciler.source.remote import Remote

    source = Source(
        Remote(f"file://{remote}", branch="main"), Policy(Signed.NOTHING), f"{directory}/c", f"{directory}/t.json"
    )
    source.poll()

    def timed(work: Callable[[], object]) -> float:
        times = []
        for _ in range(15):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000

    argv = ["git", "ls-remote", f"file://{remote}", "refs/heads/main"]
    floor = timed(lambda: subprocess.run(argv, check=True, capture_output=True))
    row("P8", "idle poll of a remote", timed(source.poll), "ms", "≤ 1.3", floor=floor)


def main() -> None:
    with workspace("reconciler-bench-") as directory, typical.instance(directory) as instance:
        remote = repository(Path(directory, "remote"))
        git(remote, "init", "-q", "-b", "main")
        git(remote, "add", ".")
        git(remote, "commit", "-qm", "first")
        private = tempfile.mkdtemp(dir=directory)
        with agent(instance, f"file://{remote}", private) as watched:  # its first start makes the store
            until(lambda: [it for _, it in list(watched.events) if it["event"] == "pass.finished"], watched.events)
            time.sleep(5)
        with agent(instance, f"file://{remote}", private, 'interval = "1m"\n') as watched:
            watched.wait("agent.started", 0.0)
            time.sleep(5)
            idle(watched)
            commits(instance, remote, private, watched)
        with agent(instance, f"file://{remote}", private) as watched:
            watched.wait("agent.started", 0.0)
            time.sleep(3)
            edits(instance, remote, private, watched)
        tick(instance, str(remote), private)
        polls(remote, private)
        halves(instance, remote, directory)
        shutil.rmtree(private, ignore_errors=True)


if __name__ == "__main__":
    main()
