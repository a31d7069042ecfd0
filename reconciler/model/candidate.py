"""A candidate: what an instance's files shall be, before any of them is in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconciler.frozen import dataclass
from reconciler.model.address import Address


@dataclass(frozen=True, slots=True)
class Candidate:
    """The files to be put in place, by their absolute live paths; all others stay as they are.

    `files` are their bytes, or the path of a staged file that holds them, as for what postmap has made already.
    `removed` are those that shall be gone, `tables` the sources (path to type) that are to be compiled anew, whether
    their source changes or not. `planned` are the addresses that the plan says it changes: what else is lost with it
    was not meant.
    """

    config_directory: str
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    tables: Mapping[str, str] = field(default_factory=dict)
    planned: frozenset[Address] = frozenset()
