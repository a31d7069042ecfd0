"""Whether this host has settings at all. A command on a host without any pays nothing for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

DEFAULT_FILE = "/etc/reconciler/reconciler.toml"
FILE_VARIABLE = "RECONCILER_SETTINGS"
PREFIX = "RECONCILER_"
DELIMITER = "__"


def present(file: str = "", environ: Mapping[str, str] = os.environ) -> bool:
    """True where a file was named, the usual one is there, or the environment sets a value."""
    if file or environ.get(FILE_VARIABLE) or any(is_override(name) for name in environ):
        return True
    return Path(DEFAULT_FILE).exists()


def is_override(name: str) -> bool:
    """RECONCILER_SECTION__KEY; other variables with our prefix are not values of the file."""
    return name.upper().startswith(PREFIX) and DELIMITER in name


def chosen(file: str = "", environ: Mapping[str, str] = os.environ) -> tuple[str, bool]:
    """The file to read, and whether somebody named it: one that was named has to be there."""
    named = file or environ.get(FILE_VARIABLE, "")
    return (named, True) if named else (DEFAULT_FILE, False)
