"""The outbox of an instance: events as lines of JSON, numbered without a gap, in a file that a person can read.

Below STATE_DIR/<instance>:

    events.jsonl    a header with the outbox's name and the number before the first line, then one event a line
    events.jsonl.1  the lines that the store had taken in when the file was last rotated
    events.lock     held by whoever appends or rotates

A line counts once it ends with a line feed; what a crash left behind the last one is cut off by the next append, which
gives its number to another event: nobody has seen it. Numbers order events, never clocks. A file that is gone starts a
new outbox under a new name, so that its numbers are not taken for old ones.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.errors import HostUnreadable, naming
from reconciler.frozen import dataclass
from reconciler.model.event import EVENTS, Event, Fact
from reconciler.model.moment import Moment

ROTATE_AT = 1 << 20  # bytes, some 4,000 events
_TAIL = 1 << 16  # bytes, in which the last line is looked for first
_OWN = frozenset({"sequence", "event", "at", "boot", "uptime_s"})


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox at a path; its files are 0600 in a directory of 0700, whatever the umask."""

    path: Path

    def append(self, name: str, facts: Mapping[str, Fact], now: Moment) -> Event:
        """Write one event down, durably, and number it.

        Raises OSError where that cannot be done; then it is not there, unless the disk itself failed.
        """
        if name not in EVENTS or not EVENTS[name].kept:
            raise ValueError(f"{name!r} is no event that is kept")
        with self._locked(), self._opened() as descriptor:
            outbox, last = _end(descriptor)
            at = now.at.isoformat(timespec="seconds")
            event = Event(outbox, last + 1, name, at, now.boot, round(float(now.uptime_s), 3), facts)
            with naming(self.path):
                _write(descriptor, _line(event))
        return event

    def read(self, after: int = 0, outbox: str = "") -> Iterator[Event]:
        """Every event with a higher number than `after`, where that is a number of `outbox`; else all. Oldest first.

        A damaged line is passed over. Raises HostUnreadable where the file may not be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise HostUnreadable(f"{self.path}: not readable; run as root, or name another --state-dir") from error
        header, *lines = content.split(b"\n")[:-1] or [b""]
        name = str(_object(header).get("outbox", ""))
        after = after if not outbox or outbox == name else 0
        for line in lines[_first(lines, name, after) :]:
            event = _event(line, name)
            if event is not None and event.sequence > after:
                yield event

    def last(self) -> tuple[str, int]:
        """The name of the outbox and the number of its last event, from its end; empty and 0 where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return "", 0
        try:
            return _last(descriptor)[:2]
        finally:
            os.close(descriptor)

    @property
    def size(self) -> int:
        """In bytes."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def rotate(self, through: int, outbox: str, *, at: int = ROTATE_AT) -> bool:
        """Let go of the events that the store has taken in, up to the number `through` of `outbox`, where the file has
        grown beyond `at` bytes. They stay in events.jsonl.1 until the next rotation.
        """
        if self.size <= at:
            return False
        with self._locked():
            kept = [event for event in self.read() if event.sequence > through]
            names = {event.outbox for event in kept} or {outbox}
            if names != {outbox}:
                return False
            fresh = _header(outbox, through) + b"".join(_line(event) for event in kept)
            self._replace(fresh)
        return True

    def _replace(self, content: bytes) -> None:
        aside = self.path.with_name(f"{self.path.name}.1")
        staged = self.path.with_name(f".{self.path.name}.new")
        staged.unlink(missing_ok=True)
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            with naming(self.path):
                _write(descriptor, content)
        finally:
            os.close(descriptor)
        if self.path.exists():
            aside.unlink(missing_ok=True)
            aside.hardlink_to(self.path)
        staged.replace(self.path)
        _sync(self.path.parent)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, with its header, behind its last whole line."""
        if not self.path.exists():
            self._replace(_header(os.urandom(16).hex(), 0))
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, 0o600)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        directory = self.path.parent
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.chmod(0o700)
        lock = directory / "events.lock"
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _first(lines: list[bytes], name: str, after: int) -> int:
    """From which line on to read, found from the end: numbers grow, and most are known."""
    for index in range(len(lines) - 1, -1, -1):
        event = _event(lines[index], name) if after else None
        if event is not None and event.sequence <= after:
            return index + 1
    return 0


def _end(descriptor: int) -> tuple[str, int]:
    """The outbox's name and the number of its last event; what stands behind the last line feed is cut off."""
    name, number, broken = _last(descriptor)
    if broken:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - broken)
    return name, number


def _last(descriptor: int) -> tuple[str, int, int]:
    """The outbox's name, the number of its last event, and how many bytes stand behind the last line feed."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
    if b"\n" not in tail:
        tail = os.pread(descriptor, size, 0)
    whole = tail.rfind(b"\n") + 1
    broken = len(tail) - whole
    header = _object(os.pread(descriptor, _TAIL, 0).partition(b"\n")[0])
    name, before = str(header.get("outbox", "")), header.get("after", 0)
    for line in reversed(tail[:whole].split(b"\n")):
        event = _event(line, name)
        if event is not None:
            return name, event.sequence, broken
    if size > _TAIL:  # nothing but damage at the end of a long file
        events = (_event(line, name) for line in os.pread(descriptor, size, 0).split(b"\n"))
        return name, max((event.sequence for event in events if event), default=before), broken
    return name, before if isinstance(before, int) else 0, broken


def _write(descriptor: int, content: bytes) -> None:
    """All of it or nothing: what was written of a line that did not fit is taken back."""
    start, written = os.fstat(descriptor).st_size, 0
    try:
        written = os.write(descriptor, content)
    finally:
        if written < len(content):
            os.ftruncate(descriptor, start)
    if written < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _header(outbox: str, after: int) -> bytes:
    return json.dumps({"outbox": outbox, "after": after}).encode() + b"\n"


def _line(event: Event) -> bytes:
    own = {"sequence": event.sequence, "event": event.name, "at": event.at}
    clock = {"boot": event.boot, "uptime_s": event.uptime_s}
    return json.dumps({**own, **event.facts, **clock}, ensure_ascii=True).encode() + b"\n"


def _event(line: bytes, outbox: str) -> Event | None:
    body = _object(line)
    try:
        facts = {name: value for name, value in body.items() if name not in _OWN}
        return Event(
            outbox, int(body["sequence"]), str(body["event"]), str(body["at"]),
            str(body["boot"]), float(body["uptime_s"]), facts,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None


def _object(line: bytes) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
