"""One program run to its end: a list of arguments in, bytes out, one typed failure."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import field
from datetime import timedelta
from types import TracebackType
from typing import Self

from reconciler.errors import CommandFailed
from reconciler.frozen import dataclass

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": SEARCH_PATH, "LC_ALL": "C"}  # nothing of ours reaches Postfix, MAIL_CONFIG least of all
OUTPUT_LIMIT = 512 << 20  # bytes; a million policy rows dumped are 50 MB
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Output:
    """What a program wrote, and its exit status."""

    stdout: bytes
    stderr: bytes
    status: int

    @property
    def complaint(self) -> str:
        """What it said to people: standard error, else standard output."""
        return (self.stderr.strip() or self.stdout.strip()).decode("utf-8", "replace")


@dataclass
class Running:
    """A program that was started. Several may run at once; `finish` each, or leave the `with` block to kill it.

    The program leads its own process group, so that what it started dies with it.
    """

    argv: tuple[str, ...]
    timeout: timedelta
    limit: int = OUTPUT_LIMIT
    stdin: bytes = b""
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.timeout.total_seconds()
        source: int = subprocess.DEVNULL
        if self.stdin:
            source = os.memfd_create("stdin")
            os.write(source, self.stdin)
            os.lseek(source, 0, os.SEEK_SET)
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError as absent:
            raise CommandFailed(self.argv, why="not installed, or not in PATH") from absent
        except OSError as error:
            raise CommandFailed(self.argv, why=f"cannot be started: {error.strerror}") from error
        finally:
            if source >= 0:
                os.close(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill it where it still runs."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def finish(self) -> Output:
        """Wait for the program, not for what it left running in the background (`postfix reload` does that).

        Its exit status is not judged. Raises CommandFailed after `timeout`, and beyond `limit` bytes of output.
        """
        with self:
            stdout, stderr = self._collect()
            return Output(stdout, stderr, self._process.wait())

    def succeed(self) -> Output:
        """As `finish`. Raises CommandFailed for an exit status that is not 0 too."""
        done = self.finish()
        if done.status != 0:
            raise CommandFailed(self.argv, why=done.complaint or f"exit status {done.status}")
        return done

    def _collect(self) -> tuple[bytes, bytes]:
        out, err = (pipe.fileno() for pipe in (self._process.stdout, self._process.stderr) if pipe)
        gathered = {out: bytearray(), err: bytearray()}
        ended = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for descriptor in (out, err, ended):
                    selector.register(descriptor, selectors.EVENT_READ)
                for pipe in gathered:
                    os.set_blocking(pipe, False)
                while ended in selector.get_map() or len(selector.get_map()) > 0:
                    ready = selector.select(max(0.0, self._deadline - time.monotonic()))
                    if not ready:
                        raise CommandFailed(self.argv, why=f"no answer within {self.timeout.total_seconds():g} s")
                    descriptors = [key.fd for key, _ in ready]
                    for descriptor in descriptors:
                        if descriptor in gathered and not self._take(descriptor, gathered[descriptor]):
                            selector.unregister(descriptor)
                    if descriptors == [ended]:  # ended, and its pipes hold nothing more
                        break
        finally:
            os.close(ended)
        return bytes(gathered[out]), bytes(gathered[err])

    def _take(self, pipe: int, into: bytearray) -> bool:
        """Read what is there; False at the end of the stream."""
        piece = os.read(pipe, _CHUNK)
        into += piece
        if len(into) > self.limit:
            raise CommandFailed(self.argv, why=f"writes more than {self.limit} bytes")
        return bool(piece)


def run(argv: Iterable[str], timeout: timedelta, *, stdin: bytes = b"") -> Output:
    """Run a program to its end.

    Raises CommandFailed where it cannot be started, exits with anything but 0, or takes longer than `timeout`.
    """
    return Running(tuple(argv), timeout, stdin=stdin).succeed()
