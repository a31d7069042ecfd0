"""LastApplied: per address what we wrote and what stood there when we adopted it.

The third side of every comparison: it tells drift from a new commit, and lets undeclaring undo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field

from reconciler.frozen import dataclass
from reconciler.model import address, codec
from reconciler.model.address import Address

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Applied:
    """`written` is what we last wrote, `adopted` what stood there before us; None is absence.

    `part` is the part of the host file that declared it: what is only observed is not undone either.
    """

    written: str | None
    adopted: str | None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Splice:
    """At a byte of a text so many are taken away, and others put in their place."""

    at: int
    removed: int  # bytes
    added: bytes


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A large table of ours that is one policy file: its rows are recorded as that file, not one by one.

    What we last wrote are the rows of `base`, the digest of a kept file, with the `splices` made one after the other.
    `source` and `compiled` are the marks of what was written: while they hold, nobody has changed anything.
    """

    kind: str
    part: str
    rows: int
    levels: frozenset[str]
    attributes: frozenset[str]
    base: str
    splices: tuple[Splice, ...] = ()
    source: str = ""
    compiled: str = ""


@dataclass(frozen=True, slots=True)
class LastApplied:
    """The record of one instance. Empty before the first apply.

    `history` are digests of the states that were live, oldest first: going back to one of them is no weakening.
    `mirrors` are the large tables whose rows are not among the entries, by their paths in addresses.
    """

    config_directory: str = ""
    revision: str = ""
    entries: Mapping[Address, Applied] = field(default_factory=dict)
    history: tuple[str, ...] = ()
    mirrors: Mapping[str, Mirrored] = field(default_factory=dict)

    @property
    def managed(self) -> int:
        """How many addresses it is about."""
        return len(self.entries) + sum(mirror.rows for mirror in self.mirrors.values())

    def to_json(self) -> bytes:
        """One line an address, sorted: the same record is the same bytes."""
        entries = {
            str(where): {"written": entry.written, "adopted": entry.adopted, "part": entry.part}
            for where, entry in sorted(self.entries.items(), key=lambda item: str(item[0]))
        }
        body = {
            "format_version": FORMAT_VERSION,
            "config_directory": self.config_directory,
            "revision": self.revision,
            "history": list(self.history),
            "entries": entries,
        }
        if self.mirrors:
            body["mirrors"] = codec.encode(dict(sorted(self.mirrors.items())))
        return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


def from_json(source: bytes) -> LastApplied:
    """Read a record back.

    Raises ValueError where it is no such record, or one of a later major version.
    """
    body = json.loads(source.decode("utf-8", "surrogateescape"))
    version = str(body.get("format_version", "")) if isinstance(body, dict) else ""
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise ValueError(f"format_version is {version!r}; this program reads {FORMAT_VERSION}")
    entries = {
        address.parse(where): Applied(item["written"], item["adopted"], item.get("part", ""))
        for where, item in body["entries"].items()
    }
    mirrors: Mapping[str, Mirrored] = codec.decode(Mapping[str, Mirrored], body.get("mirrors", []))
    return LastApplied(body["config_directory"], body["revision"], entries, tuple(body.get("history", ())), mirrors)
