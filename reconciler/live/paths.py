"""Paths as addresses name them: relative where they lie below the configuration directory."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=1024)
def absolute(path: str, config_directory: str) -> str:
    return posixpath.normpath(posixpath.join(config_directory, path))


def in_address(path: str, config_directory: str) -> str:
    path = absolute(path, config_directory)
    below = config_directory.rstrip("/") + "/"
    return path.removeprefix(below)


def joined(paths: Iterable[str]) -> str:
    """The name in a snapshot of several PEM files read as one, with a line feed between, as `postmap -F` reads them.

    No path in a parameter or a table of Postfix holds a blank.
    """
    return " ".join(paths)
