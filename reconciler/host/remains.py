"""What a process of ours leaves when it is killed: named after its number, so that the next one may remove it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.host.owner import as_owner

_CHECK = "reconciler-check-"
_NAME = re.compile(_CHECK + r"(\d+)(?:-.*)?")


def check_name() -> str:
    """The name of what this process makes to try a candidate, such as its log socket."""
    return f"{_CHECK}{os.getpid()}"


@contextmanager
def check_directory() -> Iterator[str]:
    """A temporary directory for links to live files. Nothing is done to what they name, whatever fails here.

    tempfile.TemporaryDirectory, where an entry cannot be removed, changes the mode of what a link points to.
    """
    path = tempfile.mkdtemp(prefix=f"{check_name()}-")
    try:
        Path(path).chmod(0o755)  # Postfix's programs go through it as another user
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(queue_directory: str) -> None:
    """Remove temporary directories and log sockets of processes that are no more, and this one's: it needs none now."""
    for directory in (tempfile.gettempdir(), f"{queue_directory}/public"):
        with suppress(OSError), as_owner(Path(directory)):
            own = {os.geteuid(), Path(directory).stat().st_uid}  # a socket is the directory's owner's
            for path in Path(directory).iterdir():
                found = _NAME.fullmatch(path.name)
                is_done = found and (int(found[1]) == os.getpid() or not Path(f"/proc/{found[1]}").exists())
                if is_done and path.lstat().st_uid in own:
                    _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
