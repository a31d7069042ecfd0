"""A candidate: what an instance's files shall be, before any of them is in place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """The files to be put in place, by their absolute live paths; all others stay as they are.

    `files` are sources and PEM files, not what postmap makes of them. `removed` are those that shall be gone, `tables`
    the sources (path to type) that are to be compiled anew, whether their source changes or not.
    """

    config_directory: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    tables: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of what is to be changed. What it is put over counts too: see `Verdict.digest`."""
        whole = hashlib.sha256(f"{self.config_directory}\0".encode("utf-8", "surrogateescape"))
        parts = [("file", path, hashlib.sha256(content).hexdigest()) for path, content in self.files.items()]
        parts += [("removed", path, "") for path in self.removed]
        parts += [("table", path, kind) for path, kind in self.tables.items()]
        for part in sorted(parts):
            whole.update("\0".join((*part, "")).encode("utf-8", "surrogateescape"))
        return whole.hexdigest()
