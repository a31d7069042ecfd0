"""Paths as addresses name them: relative where they lie below the configuration directory."""

from __future__ import annotations

import posixpath


def absolute(path: str, config_directory: str) -> str:
    return posixpath.normpath(posixpath.join(config_directory, path))


def in_address(path: str, config_directory: str) -> str:
    path = absolute(path, config_directory)
    below = config_directory.rstrip("/") + "/"
    return path.removeprefix(below)
