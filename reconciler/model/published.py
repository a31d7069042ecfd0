"""A host as it shows itself to reviewers: what planning needs, in words and lines that may leave it.

docs/reference/snapshot.md says field by field what is in clear. The JSON form is `reconciler.model.codec`'s, its schema
`schemas/snapshot-v1.json`.
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from reconciler.frozen import dataclass
from reconciler.model.snapshot import PemFile

FORMAT_VERSION = "1.0"
MAXIMUM_SIZE = 4 << 20  # bytes of a published snapshot, its signature included


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A lookup table: its rows inside the TLS scope, each on the line it has.

    `left_out` is how many rows stayed on the host. `complete` is False where all did, because there are too many.
    `problem` is what is wrong with what postmap made of it, or empty.
    """

    path: str
    type: str
    source: str
    left_out: int = 0
    complete: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PublishedPem:
    """Facts of one PEM file: names, digests and dates, never its bytes."""

    path: str
    facts: PemFile


@dataclass(frozen=True, slots=True)
class PublishedEntry:
    """One address of the record of what was last applied."""

    address: str
    written: str | None
    adopted: str | None
    part: str


@dataclass(frozen=True, slots=True)
class Published:
    """One instance of a host at `taken`. `absent` and `present` are paths that were looked for.

    `defaults` is `postconf -d` as far as the scope goes; `main_cf` and `master_cf` have the lines of the live files.
    """

    format_version: str
    host: str
    instance: str
    config_directory: str
    taken: datetime
    mail_version: str
    running: bool
    table_types: tuple[str, ...]
    sasl_server_types: tuple[str, ...]
    defaults: str
    main_cf: str
    master_cf: str
    tables: tuple[PublishedTable, ...] = ()
    pems: tuple[PublishedPem, ...] = ()
    absent: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    revision: str = ""  # what was last applied
    history: tuple[str, ...] = ()
    entries: tuple[PublishedEntry, ...] = field(default=())

    @property
    def name(self) -> str:
        return f"{self.host}@{self.instance}" if self.instance else self.host
