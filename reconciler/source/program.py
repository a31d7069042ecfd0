"""git, started through GitPython: bounded in time and in what it writes to disk, and told everything by us."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
from contextlib import suppress

from git.cmd import Git
from git.exc import GitCommandNotFound, UnsafeProtocolError

from reconciler.errors import SourceUnreadable
from reconciler.frozen import dataclass
from reconciler.source.complaint import complaint
from reconciler.source.remote import Remote


class GitFailed(SourceUnreadable):
    """git said no; whose fault it is, the caller finds out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call wrote, and how it ended."""

    stdout: bytes
    stderr: str
    status: int


def ask(remote: Remote, *arguments: str, git_dir: str = "") -> Answer:
    """One call of git; its exit status is not judged. With all that it started it is gone after `remote.timeout`.

    Raises SourceUnreadable where git is not installed or did not end in time.
    """
    try:
        Git.check_unsafe_protocols(remote.url)
    except UnsafeProtocolError as unsafe:
        raise SourceUnreadable(f"{remote.shown!r} names a protocol that runs programs") from unsafe
    where = [f"--git-dir={git_dir}"] if git_dir else []
    argv = ["git", *where, *remote.options(), *arguments]
    try:
        started = Git("/").execute(argv, as_process=True, env=remote.environment(), process_group=0)
    except GitCommandNotFound as absent:
        raise SourceUnreadable("git is not installed, or not in PATH; apt install git") from absent
    process: subprocess.Popen[bytes] | None = started.proc
    if process is None:
        raise SourceUnreadable("git could not be started")
    with suppress(ProcessLookupError):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (remote.max_size, remote.max_size))
    seconds, late = remote.timeout.total_seconds(), threading.Event()
    timer = threading.Timer(seconds, _give_up, (process.pid, late))  # Popen's own timeout waits in steps of ms
    timer.start()
    try:
        stdout, stderr = process.communicate()
    finally:
        timer.cancel()
        _end(process)
    if late.is_set():
        raise SourceUnreadable(f"{remote.shown}: no answer within {seconds:g} s")
    return Answer(stdout, stderr.decode("utf-8", "replace"), process.returncode)


def call(remote: Remote, *arguments: str, git_dir: str = "") -> bytes:
    """One call of git; gives its output.

    Raises GitFailed with git's first complaint, and what `ask` raises.
    """
    answer = ask(remote, *arguments, git_dir=git_dir)
    if answer.status == -signal.SIGXFSZ or "File too large" in answer.stderr:
        raise SourceUnreadable(f"{remote.shown}: one fetch brings more than {remote.max_size} bytes")
    if answer.status != 0:
        raise GitFailed(f"{remote.shown}: {complaint(answer.stderr)}")
    return answer.stdout


def _give_up(pid: int, late: threading.Event) -> None:
    late.set()
    _kill(pid)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing it started outlives it."""
    if process.returncode is None:
        _kill(process.pid)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
