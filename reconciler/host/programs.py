"""Postfix's programs, each a method: one command, one typed failure."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from reconciler.errors import CommandFailed
from reconciler.frozen import dataclass
from reconciler.host.command import ENVIRONMENT, Output, Running, run
from reconciler.postfix import cdb
from reconciler.postfix.table import TableType, compiled_path

TIMEOUT = timedelta(seconds=60)  # a child that hangs is killed within a minute
_COLD = 4  # s; Postfix re-reads a main.cf younger than 3 s in pauses of 0.3 s
_PER_PROCESS = b"process_id ="  # the one default that is different in every run


def nothing() -> None:
    """What is done meanwhile where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the installed Postfix is: independent of any main.cf and master.cf."""

    defaults: bytes  # `postconf -d`, without the number of the process that printed it
    mail_version: str
    table_types: frozenset[str]
    sasl_server_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Postfix:
    """The programs of Postfix for one configuration directory. Every method raises CommandFailed."""

    config_directory: str
    timeout: timedelta = TIMEOUT

    def facts(self, *, meta_directory: str = "", meanwhile: Callable[[], None] = nothing) -> Facts:
        """`postconf -d`, `-m` and `-a` at once, for a configuration of nothing but `meta_directory`.

        `meanwhile` is called while they are at work.

        `-d` reads the host's master.cf and `-m` its main.cf: they would take 2.4 s over a fresh one, and die of a
        broken one that deserves a better error.
        """
        with tempfile.TemporaryDirectory(prefix="reconciler-") as scratch:
            main_cf = Path(scratch, "main.cf")
            main_cf.write_text(f"meta_directory = {meta_directory}\n" if meta_directory else "")
            Path(scratch, "master.cf").touch()
            cold = time.time() - _COLD
            os.utime(main_cf, (cold, cold))
            commands = [("postconf", "-c", scratch, flag) for flag in ("-d", "-m", "-a")]
            defaults, tables, sasl = (done.stdout for done in all_of(commands, self.timeout, meanwhile))
        lines = [line for line in defaults.splitlines(keepends=True) if not line.startswith(_PER_PROCESS)]
        version = next((line for line in lines if line.startswith(b"mail_version =")), b"")
        return Facts(
            defaults=b"".join(lines),
            mail_version=version.partition(b"=")[2].strip().decode(),
            table_types=frozenset(tables.decode().split()),
            sasl_server_types=frozenset(sasl.decode().split()),
        )

    def values(self, *names: str) -> dict[str, str]:
        """`postconf`: parameters as they are in force, not expanded."""
        lines = self._run("postconf", *names).stdout.decode("utf-8", "surrogateescape").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(" =") for line in lines)}

    def expanded(self, *names: str) -> dict[str, str]:
        """`postconf -x`: parameters of main.cf or their defaults, expanded by Postfix itself."""
        lines = self._run("postconf", "-x", *names).stdout.decode("utf-8", "surrogateescape").splitlines()
        pairs = (line.partition(" =") for line in lines)
        return {name: value.strip() for name, _, value in pairs}

    def build(self, kind: str, path: str, *, of_files: bool = False) -> tuple[str, ...]:
        """`postmap`, in place; gives its warnings, with which it exits 0 and leaves rows out.

        `of_files` has it put the content of the files that the rows name into the table (-F).
        """
        return warnings_of(self.building(kind, path, of_files=of_files).succeed())

    def building(self, kind: str, path: str, *, of_files: bool = False) -> Running:
        """`build`, started: several can run at once."""
        return Running(self._argv("postmap", *(("-F",) if of_files else ()), f"{kind}:{path}"), self.timeout)

    def amend(self, kind: str, path: str, put: bytes, gone: bytes) -> None:
        """`postmap -d` and `-i -r`, in place: take out the keys of `gone`, one a line, and put in the rows of `put`.

        postmap -d exits with 1 where a key was not there.
        """
        if gone:
            argv = self._argv("postmap", "-d", "-", f"{kind}:{path}")
            done = Running(argv, self.timeout, stdin=gone).finish()
            if done.status not in (0, 1) or done.stderr:
                raise CommandFailed(argv, why=done.complaint)
        if put:
            argv = self._argv("postmap", "-i", "-r", f"{kind}:{path}")
            run(argv, self.timeout, stdin=put)

    def dump(self, kind: str, path: str) -> bytes:
        """`postmap -s`: a compiled table's rows, one a line, `key TAB value`, in no order.

        postmap cannot do that for cdb, which is read as it lies there.
        """
        if kind == TableType.CDB:
            return self._constant(path)
        return self._run("postmap", "-s", f"{kind}:{path}").stdout

    def _constant(self, path: str) -> bytes:
        name = compiled_path(TableType.CDB, path)
        try:
            rows = cdb.rows(Path(name).read_bytes())
        except (OSError, ValueError) as error:
            raise CommandFailed(("read", name), why=str(error)) from error
        return b"".join(b"%s\t%s\n" % row for row in rows.items())

    def dumping(self, kind: str, path: str) -> Running:
        """`dump`, started: several can run at once."""
        return Running(self._argv("postmap", "-s", f"{kind}:{path}"), self.timeout)

    def query(self, kind: str, path: str, key: str) -> str | None:
        """`postmap -q`; None where no row matches."""
        argv = self._argv("postmap", "-q", key, f"{kind}:{path}")
        done = Running(argv, self.timeout).finish()
        if done.status == 0:
            return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")
        if done.status == 1 and not done.stderr:
            return None
        raise CommandFailed(argv, why=done.complaint)

    def query_all(self, kind: str, path: str, keys: Iterable[str]) -> dict[str, str]:
        """`postmap -q -`: what a table answers, for those keys it has an answer to. Any number of keys at once."""
        asked = "".join(f"{key}\n" for key in keys).encode("utf-8", "surrogateescape")
        if not asked:
            return {}
        argv = self._argv("postmap", "-q", "-", f"{kind}:{path}")
        done = Running(argv, self.timeout, stdin=asked).finish()
        if done.status not in (0, 1) or (done.status == 1 and done.stderr):
            raise CommandFailed(argv, why=done.complaint)
        lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
        return {key: value for key, tab, value in (line.partition("\t") for line in lines) if tab}

    def check(self) -> tuple[str, ...]:
        """`postfix check`; gives what it says although it passes, which is little: see docs on what it misses.

        It makes missing queue directories.
        """
        return warnings_of(self._run("postfix", "check"))

    def reload(self) -> None:
        """`postfix reload`: exits 0 once master(8) was told, not once it has read."""
        self._run("postfix", "reload")

    def queue(self) -> bytes:
        """`postqueue -j`: one JSON object a line for each message."""
        return self._run("postqueue", "-j").stdout

    def flush(self) -> None:
        """`postqueue -f`: try every queued message now."""
        self._run("postqueue", "-f")

    def submit(self, sender: str, recipients: Iterable[str], message: bytes) -> None:
        """Hand a message, headers and body, to sendmail(1)."""
        argv = ("sendmail", "-C", self.config_directory, "-i", "-f", sender, "--", *recipients)
        run(argv, self.timeout, stdin=message)

    def delete(self, queue_id: str) -> None:
        """`postsuper -d` of one message; no message of that id is no failure. Takes root."""
        self._run("postsuper", "-d", queue_id)

    def start(self) -> None:
        """`postfix start`, for private instances only; returns once master(8) listens."""
        self._run("postfix", "start")

    def start_for(self, life: timedelta) -> None:
        """master(8) by itself, for private instances only: without the checks of postfix(1), and ending after `life`.

        Returns once it listens. Raises CommandFailed where it does not come up.
        """
        (directory,) = self.values("daemon_directory").values()
        argv = self._argv(f"{directory}/master", "-w", "-e", f"{life.total_seconds():.0f}")
        own = {**ENVIRONMENT, "MAIL_CONFIG": self.config_directory}  # as postfix(1) does, by which it is recognized
        done = Running(argv, self.timeout, environment=own).finish()
        if done.status != 0:
            raise CommandFailed(argv, why=done.complaint or "master(8) does not come up")

    def stop(self) -> None:
        """`postfix stop`, for private instances only; takes whole seconds where processes linger."""
        self._run("postfix", "stop")

    def abort(self) -> None:
        """`postfix abort`, for private instances only."""
        self._run("postfix", "abort")

    def _argv(self, program: str, *arguments: str) -> tuple[str, ...]:
        return (program, "-c", self.config_directory, *arguments)

    def _run(self, program: str, *arguments: str) -> Output:
        return run(self._argv(program, *arguments), self.timeout)


def warnings_of(done: Output) -> tuple[str, ...]:
    """What a program that succeeded said all the same."""
    return tuple(done.stderr.decode("utf-8", "replace").splitlines())


def all_of(
    commands: Iterable[tuple[str, ...]], timeout: timedelta, meanwhile: Callable[[], None] = nothing
) -> list[Output]:
    """Run programs at the same time; all must succeed. `meanwhile` is called while they are at work."""
    running: list[Running] = []
    try:
        running += (Running(command, timeout) for command in commands)
        meanwhile()
        finished = [program.finish() for program in running]
    finally:
        for program in running:
            program.close()
    for program, done in zip(running, finished, strict=True):
        if done.status != 0:
            raise CommandFailed(program.argv, why=done.complaint)
    return finished
