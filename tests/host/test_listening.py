"""Who listens on a port, also where the kernel does not show the sockets of others."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.host.listeners import complaints
from reconciler.host.listening import Holder, holder, is_taken
from reconciler.host.ports import free_port
from reconciler.postfix import master_cf

PROJECT = Path(__file__).parents[2]
LISTEN = """
import socket, sys
sys.stdin.readline()
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(flush=True)
sys.stdin.read()
"""
# As the unit of the applier has them: fewer than a master(8) that systemd started.
CAPABILITIES = "-all,+setuid,+setgid,+chown,+fowner,+dac_read_search"

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv, to have fewer capabilities"
)


@contextmanager
def listener(port: int, group: Path | None = None) -> Iterator[int]:
    """A process that listens there, in that control group; gives its id."""
    argv = [sys.executable, "-c", LISTEN, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        if group is not None:
            (group / "cgroup.procs").write_text(f"{process.pid}\n")
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.stdin.close()


@pytest.fixture
def groups() -> Iterator[Path]:
    """The control groups of this machine, where they can be had."""
    with tempfile.TemporaryDirectory(prefix="reconciler-test-") as made:
        done = subprocess.run(["mount", "-t", "cgroup2", "none", made], check=False, capture_output=True)
        if done.returncode != 0:
            pytest.skip("control groups of version 2 cannot be mounted here")
        try:
            yield Path(made)
        finally:
            subprocess.run(["umount", made], check=True)


@contextmanager
def group(groups: Path, name: str) -> Iterator[Path]:
    made = groups / f"reconciler-{os.getpid()}-{name}"
    made.mkdir()
    try:
        yield made
    finally:
        made.rmdir()


def seen_by_the_applier(pid: int, port: int, cgroups: Path) -> str:
    """What a process with the capabilities of the applier's unit finds."""
    ask = (
        "import sys; from reconciler.host.listening import holder\n"
        "print(holder(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).name)"
    )
    fewer = ["setpriv", f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}", "--no-new-privs", "--"]
    argv = [*fewer, sys.executable, "-c", ask, str(pid), str(port), str(cgroups)]
    return subprocess.run(argv, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.strip()


def test_whose_port_it_is_is_seen() -> None:
    port, other = free_port(), free_port()
    with listener(port) as pid:
        found = (holder(pid, port), holder(os.getpid(), port), is_taken(port), is_taken(other))
    assert found == (Holder.ITSELF, Holder.ANOTHER, True, False)


@needs_root
def test_by_its_control_group_where_its_sockets_are_not_shown(groups: Path) -> None:
    port, other = free_port(), free_port()
    with (
        group(groups, "postfix") as one,
        group(groups, "other") as two,
        listener(port, one) as master,
        listener(other, two),
    ):
        found = [seen_by_the_applier(master, each, groups) for each in (port, other)]
    assert found == ["ITSELF", "ANOTHER"]


@needs_root
def test_nothing_is_claimed_where_both_are_in_one_group(groups: Path) -> None:
    port = free_port()
    with listener(port) as pid:
        assert seen_by_the_applier(pid, port, groups) == "UNSEEN"


def test_a_port_of_master_itself_is_free_for_it_and_one_of_another_is_not() -> None:
    port = free_port()
    after = master_cf.parse(f"127.0.0.1:{port} inet n - n - - smtpd\n".encode())
    with socket.create_server(("127.0.0.1", port)):
        own = list(complaints(master_cf.parse(b""), after, "loopback-only", os.getpid()))
        foreign = list(complaints(master_cf.parse(b""), after, "loopback-only", os.getppid()))
    assert (own, foreign) == ([], [f"master.cf: 127.0.0.1:{port}: another program listens there already"])
