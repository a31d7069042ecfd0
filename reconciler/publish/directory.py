"""Snapshots as files of a directory, each replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import PublishFailed, SnapshotRefused, UsageError
from reconciler.frozen import dataclass
from reconciler.model.published import MAXIMUM_SIZE
from reconciler.model.wire import SUFFIX
from reconciler.publish.place import Reader, check_name


@dataclass(frozen=True, slots=True)
class Directory:
    """HOST.snapshot and HOST@INSTANCE.snapshot in one directory."""

    path: Path

    def put(self, name: str, content: bytes) -> None:
        target = self.path / (check_name(name) + SUFFIX)
        staged = self.path / f".{name}.{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o755)
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            staged.replace(target)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise PublishFailed(f"{target}: {os.strerror(error.errno or 0)}") from error

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        if not self.path.is_dir():
            raise UsageError(f"{self.path}: there is no such directory; name where snapshots lie with --snapshots")
        yield lambda name: read(self.path / (name + SUFFIX))


def read(path: Path) -> bytes | SnapshotRefused | None:
    """One file, which anybody may have put there: no link, nothing but a file, and not too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        return SnapshotRefused(f"it cannot be read ({os.strerror(error.errno or 0)})")
    try:
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(MAXIMUM_SIZE + 1)
    except OSError as error:
        return SnapshotRefused(f"it cannot be read ({os.strerror(error.errno or 0)})")
    return content if len(content) <= MAXIMUM_SIZE else SnapshotRefused(f"it has more than {MAXIMUM_SIZE} bytes")
