"""Where a token comes from: the first line of a file, or the environment, and never the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.notify.forge.client import Token

VARIABLE = "RECONCILER_FORGE_TOKEN"
_LONGEST = 4096  # bytes


def from_file(path: str) -> Token:
    """Raises UsageError where there is none in it."""
    try:
        with Path(path).open("rb") as file:
            first = file.readline(_LONGEST)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return Token(first.decode("ascii", "replace").strip())


def from_environment(environment: Mapping[str, str] = os.environ) -> Token:
    """Raises UsageError where there is none in it."""
    if not environment.get(VARIABLE):
        raise UsageError(f"no token; set {VARIABLE}, or name a file that holds it")
    return Token(environment[VARIABLE].strip())
