"""Which state, which instance, and where what is remembered of it lies."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from reconciler.apply.state import StateDirectory
from reconciler.frozen import dataclass

if TYPE_CHECKING:
    from reconciler.source.follow import Source


@dataclass(frozen=True, slots=True)
class Where:
    """Which state, which instance, and where its memory lies. Empty values mean: find out."""

    repo: str
    config_directory: str
    state_directory: str
    host: str = ""
    instance: str = ""
    branch: str = ""
    subdirectory: str = ""
    source: Source | None = None  # what is followed with trust; without it `repo` is read as it is


def memory(where: Where, instance: str = "") -> StateDirectory:
    """Where this program remembers an instance; `instance` is its multi_instance_name, where that is known."""
    directory = posixpath.abspath(where.config_directory)
    return StateDirectory(where.state_directory, where.instance or instance or posixpath.basename(directory))
