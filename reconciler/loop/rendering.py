"""Complete files into a directory of their own, for image builds: nothing live is touched."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.host import files, swap
from reconciler.host.programs import Postfix
from reconciler.live.paths import absolute, in_address
from reconciler.plan.complete import CompleteFile

_DIRECTORY_MODE = 0o755


def prepare(out: str, config_directory: str) -> str:
    """Make the directory to write into; gives its absolute path.

    Raises UsageError where it holds something, or is, or lies in, the live configuration directory.
    """
    real, live = posixpath.realpath(out), posixpath.realpath(config_directory)
    if real == live or real.startswith(f"{live}/"):
        raise UsageError(f"{out}: this is the live configuration directory; render writes beside it, never into it")
    directory = Path(real)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=_DIRECTORY_MODE)
        if any(directory.iterdir()):
            raise UsageError(f"{out}: not empty; name a new directory")
    except OSError as error:
        raise UsageError(f"{out}: {os.strerror(error.errno or 0)}; name a new directory") from error
    return real


def write(complete: Iterable[CompleteFile], out: str, config_directory: str) -> None:
    """Write the files below `out` as they lie below the configuration directory, with their modes.

    Raises HostUnwritable.
    """
    for file in complete:
        path = _path(file, out, config_directory)
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=_DIRECTORY_MODE)
        swap.place(path, files.stage(path, file.content, None, mode=file.mode))


def build(complete: Iterable[CompleteFile], out: str, config_directory: str) -> tuple[str, ...]:
    """`postmap` every compiled table of `out`; gives the warnings.

    Raises CommandFailed.
    """
    postfix = Postfix(out)
    warnings: list[str] = []
    for file in complete:
        if file.compiled:
            warnings += postfix.build(file.kind, _path(file, out, config_directory), of_files=file.of_files)
    return tuple(warnings)


def _path(file: CompleteFile, out: str, config_directory: str) -> str:
    return absolute(in_address(file.path, config_directory), out)
