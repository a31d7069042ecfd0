"""Files of our own memory: replaced whole, 0600 whatever the umask, and on the disk where that is asked for."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.errors import naming


def replace(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Put these bytes in a file's place. Raises OSError; an error of fsync is one like any other.

    What takes the place of another file is on the disk before it does, lasting or not: a file system may make the new
    name durable before the bytes, and then neither version would survive a loss of power.
    """
    staged = path.with_name(f".{path.name}.new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with naming(path), os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        if lasting or path.exists():
            os.fsync(file.fileno())
    staged.replace(path)
    if lasting:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
