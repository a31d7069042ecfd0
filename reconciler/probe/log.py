"""The mail log of an instance as lines: found, and followed from a moment on.

Source: postconf(5), maillog_file; syslog.conf of Debian (mail.log) and Red Hat (maillog).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from reconciler.host.processes import until
from reconciler.postfix.effective import View

_SYSLOG = ("/var/log/mail.log", "/var/log/maillog")
_AT_ONCE = 16 << 20  # bytes read at a time; a line that was not whole waits for the next time

ABSENT = f"no mail log can be read here: maillog_file is empty, and there is neither {_SYSLOG[0]} nor {_SYSLOG[1]}"


def find(view: View) -> str | None:
    """Where an instance logs, or None where that is no file, as with a journal alone."""
    own = view.get("maillog_file")
    if own.startswith("/dev/"):  # a container's standard output
        return None
    places = (own,) if own else _SYSLOG
    return next((path for path in places if Path(path).is_file() and os.access(path, os.R_OK)), None)


@dataclass
class Following:
    """A log read from the moment this was made. A rotated log is read on from the beginning of the new file."""

    path: str
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        about = Path(self.path).stat()
        self._inode, self._at = about.st_ino, about.st_size

    def read(self) -> tuple[str, ...]:
        """The whole lines written since the last call; they are kept in `lines` too.

        Raises OSError where the log cannot be read any more.
        """
        with open(self.path, "rb") as log:  # noqa: PTH123
            about = os.fstat(log.fileno())
            if about.st_ino != self._inode or about.st_size < self._at:
                self._inode, self._at = about.st_ino, 0
            log.seek(self._at)
            whole, newline, _ = log.read(_AT_ONCE).rpartition(b"\n")
        self._at += len(whole) + len(newline)
        new = tuple(whole.decode("utf-8", "replace").split("\n")) if newline else ()
        self.lines += new
        return new

    def wait(self, wanted: Callable[[str], bool], timeout: timedelta) -> str | None:
        """The first line, of those seen and those to come until `timeout`, that is wanted; None where none comes."""
        seen = next(filter(wanted, self.lines), None)
        if seen is not None:
            return seen
        for _ in until(timeout):
            seen = next(filter(wanted, self.read()), None)
            if seen is not None:
                return seen
        return None


def of(queue_id: str, lines: Iterable[str]) -> tuple[str, ...]:
    """The lines about one message."""
    return tuple(line for line in lines if f"]: {queue_id}: " in line)


def queue_id(message_id: str, lines: Iterable[str]) -> str | None:
    """The queue id that cleanup(8) gave the message with this Message-ID."""
    pattern = re.compile(r"\]: (\w+): message-id=<" + re.escape(message_id) + ">")
    return next((match[1] for line in lines if (match := pattern.search(line))), None)
