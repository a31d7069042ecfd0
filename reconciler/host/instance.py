"""Private Postfix instances: the demo, the tests, later the canary and the benchmarks run on them.

Everything of an instance lies below one directory: configuration, queue, data, log, delivered mail. It listens on
127.0.0.1 only; programs, shared libraries and dynamicmaps stay the system's. Starting one takes root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.errors import CommandFailed, ReconcilerError
from reconciler.frozen import dataclass
from reconciler.host import master, skeleton
from reconciler.host.ports import free_port
from reconciler.host.processes import end, environments, until
from reconciler.host.programs import Postfix

START_TIMEOUT = timedelta(seconds=20)
_SECOND = timedelta(seconds=1)
_RELOADS = "reload -- version"
STOP_TIMEOUT = timedelta(seconds=10)
_COLD = 4  # s; Postfix re-reads a main.cf younger than 3 s in pauses of 0.3 s
_MAIL_USER = "nobody"  # delivered mail is theirs


class DidNotStart(ReconcilerError):
    """A private instance does not serve; the text ends with its log."""

    reason = "InstanceDidNotStart"


class DidNotStop(ReconcilerError):
    """A process of a private instance survives."""

    reason = "InstanceDidNotStop"


@dataclass(frozen=True, slots=True)
class PrivateInstance:
    """One private Postfix. As a context manager it runs inside the block, and no process of it is left after it."""

    root: str
    name: str
    smtpd_port: int

    @classmethod
    def create(
        cls,
        directory: str | os.PathLike[str],
        name: str,
        *,
        smtpd_port: int = 0,
        main_cf_extra: str | Mapping[str, str] = "",
        master_cf_extra: str = "",
        chroot: bool = False,
    ) -> PrivateInstance:
        """Lay out an instance in `directory`/`name`, not yet started.

        Every user must be able to traverse `directory` (see `workspace`). `name` is its myhostname. `smtpd_port` 0 is
        any free one. What is `extra` is appended. Mail for `name` goes to a maildir (`delivered`).
        """
        root = Path(directory, name).absolute()
        for part in ("etc", "log", "mail", "queue"):
            (root / part).mkdir(parents=True)
        mail = pwd.getpwnam(_MAIL_USER)
        shutil.chown(root / "mail", mail.pw_uid, mail.pw_gid)
        instance = cls(str(root), name, smtpd_port or free_port())
        if not isinstance(main_cf_extra, str):
            main_cf_extra = "".join(f"{parameter} = {value}\n" for parameter, value in main_cf_extra.items())
        instance.write("main.cf", skeleton.main_cf(str(root), name, mail.pw_uid, mail.pw_gid) + main_cf_extra)
        instance.write("master.cf", skeleton.master_cf(instance.smtpd_port, chroot=chroot) + master_cf_extra)
        instance.postfix.check()  # makes the data and queue directories, with their owners
        return instance

    @property
    def config_directory(self) -> str:
        return f"{self.root}/etc"

    @property
    def queue_directory(self) -> str:
        return f"{self.root}/queue"

    @property
    def log_file(self) -> str:
        return f"{self.root}/log/mail.log"

    @property
    def postfix(self) -> Postfix:
        return Postfix(self.config_directory)

    @property
    def pid(self) -> int | None:
        """The process of master(8), None where it does not run."""
        return master.pid(self.queue_directory, self.config_directory)

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> str:
        """Put a file into the configuration directory, old enough not to be taken for one being written."""
        path = Path(self.config_directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        cold = time.time() - _COLD
        os.utime(path, (cold, cold))
        return str(path)

    def configure(self, **parameters: str) -> None:
        """Append parameters to main.cf; the last of a name counts. A running instance must be told (`reload`)."""
        old = Path(self.config_directory, "main.cf").read_text()
        self.write("main.cf", old + "".join(f"{name} = {value}\n" for name, value in parameters.items()))

    def start(self) -> None:
        """Start it and wait until the SMTP port answers with a banner.

        Raises DidNotStart otherwise, with nothing left running.
        """
        Path(self.queue_directory, "quick-start").touch()  # `create` has checked already
        try:
            self.postfix.start()
            self.wait_for_banner(self.smtpd_port)
        except CommandFailed as failed:
            self.stop()
            raise DidNotStart(f"{failed}; its log:\n{self.log()}") from failed
        except BaseException:
            self.stop()
            raise

    def wait_for_banner(self, port: int, timeout: timedelta = START_TIMEOUT) -> str:
        """Connect to 127.0.0.1:`port` until an SMTP greeting comes; gives it."""
        seen = ""
        for _ in until(timeout):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout.total_seconds()) as connection:
                    seen = connection.makefile("rb").readline().decode("utf-8", "replace").strip()
                    if seen.startswith("220"):
                        connection.sendall(b"QUIT\r\n")
                        connection.recv(512)
                        return seen
            except OSError as error:
                seen = str(error)
        raise DidNotStart(f"{self.name}: port {port} gives no greeting ({seen or 'silence'}); its log:\n{self.log()}")

    def reload(self) -> None:
        """Reload, and wait until master(8) says that it does; new sessions see it some 50 ms later."""
        mark = self.mark()
        self.postfix.reload()
        try:
            self.wait_for_log(_RELOADS, since=mark, timeout=_SECOND)
        except DidNotStart:
            if self.pid is not None:
                master.nudge(self.pid, self.queue_directory)  # it can sleep over the signal
            self.wait_for_log(_RELOADS, since=mark)

    def stop(self) -> None:
        """End every process of this instance, and see that none is left. Harmless where it does not run.

        Raises DidNotStop where one survives SIGKILL.
        """
        pid = self.pid
        if pid is not None:
            end(pid, signal.SIGTERM, STOP_TIMEOUT)  # master takes its process group along
        for process in self.processes():  # what had left the group, such as postsuper after a reload
            end(process, signal.SIGKILL, STOP_TIMEOUT)
        left = self.processes()
        if left:
            raise DidNotStop(f"{self.name}: processes {left} do not end")

    def processes(self) -> tuple[int, ...]:
        """Every live process that was started for this configuration directory: Postfix marks them with MAIL_CONFIG."""
        mark = f"\0MAIL_CONFIG={self.config_directory}\0".encode()
        return tuple(pid for pid, environment in environments() if mark in b"\0" + environment)

    def log(self) -> str:
        """All that it has logged."""
        return self.log_since(0)

    def mark(self) -> int:
        """A place in the log: what is written from now on comes behind it."""
        with suppress(FileNotFoundError):
            return Path(self.log_file).stat().st_size
        return 0

    def log_since(self, mark: int) -> str:
        with suppress(FileNotFoundError), Path(self.log_file).open("rb") as file:
            file.seek(mark)
            return file.read().decode("utf-8", "replace")
        return ""

    def wait_for_log(self, text: str, *, since: int = 0, timeout: timedelta = START_TIMEOUT) -> str:
        """The first log line with `text` in it, written after the mark `since`.

        Raises DidNotStart with the log where none comes.
        """
        for _ in until(timeout):
            for line in self.log_since(since).splitlines():
                if text in line:
                    return line
        raise DidNotStart(f"{self.name}: its log never says {text!r}:\n{self.log_since(since)}")

    def sendmail(self, sender: str, recipients: Iterable[str], body: str) -> None:
        """Queue a message as a local user would."""
        head = f"From: <{sender}>\nTo: {', '.join(f'<{it}>' for it in recipients)}\nSubject: proof\n\n"
        self.postfix.submit(sender, recipients, (head + body + "\n").encode())

    def queue(self) -> bytes:
        """The queue: one JSON object a line for each message."""
        return self.postfix.queue()

    def delivered(self) -> list[bytes]:
        """The messages that arrived for `name`, oldest first."""
        files = sorted(Path(self.root, "mail/inbox/new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in files]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


@contextmanager
def workspace(prefix: str = "reconciler-") -> Iterator[str]:
    """A directory for instances that Postfix's own user can traverse; removed at the end."""
    path = tempfile.mkdtemp(prefix=prefix)
    try:
        Path(path).chmod(0o755)  # mkdtemp makes it 0700
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
