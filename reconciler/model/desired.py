"""One instance's TLS state as the repository declares it: typed, merged from its layers, every value with its origin.

Nothing here depends on the host. What does (the table type it prefers, the syntax its version knows, whether a
certificate is there yet) is settled in `reconciler.plan`.
"""

from __future__ import annotations

from dataclasses import field
from datetime import date, timedelta
from enum import StrEnum

from reconciler.errors import Position
from reconciler.frozen import dataclass
from reconciler.postfix.table import TableType


class Part(StrEnum):
    """The parts of a host file that `enforce` and `observe` name. `incoming` includes `incoming.policies`."""

    CERTIFICATES = "certificates"
    INCOMING = "incoming"
    INCOMING_POLICIES = "incoming.policies"
    OUTGOING = "outgoing"
    OUTGOING_POLICIES = "outgoing.policies"
    SUBMISSION = "submission"
    SUBMISSIONS = "submissions"
    PARAMETERS = "parameters"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was declared. `layer` is `host`, `group NAME` or `profile NAME`."""

    position: Position
    layer: str

    def __str__(self) -> str:
        return f"{self.position} ({self.layer})"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one layer says, under which keys; `wins` is whether no upper layer says otherwise."""

    keys: tuple[str, ...]
    text: str  # as it stands in the file
    origin: Origin
    wins: bool


@dataclass(frozen=True, slots=True)
class DesiredParameter:
    """A parameter's value in Postfix's syntax: on main.cf, or as `-o` of a service."""

    name: str
    value: str
    part: Part
    origin: Origin


@dataclass(frozen=True, slots=True)
class DesiredRow:
    key: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Mirror:
    """One large policy file, of which a table says no more and no less: the table's source can be the file itself.

    `levels` and `attributes` are at least those of its rows' policies, `content` the file, where that is at hand.
    """

    file: str
    sha256: str
    rows: int
    levels: frozenset[str]
    attributes: frozenset[str]
    content: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DesiredTable:
    """A table with our rows, and the list parameter that shall name it.

    `path` is relative to the configuration directory or absolute. `type` is None where the host's
    default_database_type decides. `before` is what precedes the table in the list's element, such as
    `check_sender_access`, or empty. `of_files` where the values name PEM files, whose content postmap puts in (-F).
    `policy_file` is the one file that says all rows, if one does. Of a table with a `mirror` the `rows` may be only
    those that are not in place yet.
    """

    path: str
    type: TableType | None
    rows: tuple[DesiredRow, ...]
    parameter: str
    before: str
    part: Part
    origin: Origin
    of_files: bool = False
    policy_file: str = field(default="", compare=False)
    mirror: Mirror | None = None


@dataclass(frozen=True, slots=True)
class DesiredService:
    """An smtpd listener of ours. `name` is what is written in the first column, such as `submission`."""

    name: str
    enabled: bool
    options: tuple[DesiredParameter, ...]
    part: Part
    origin: Origin


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """A certificate to make where none is: for `names` (the first is its subject), valid for `lifetime`."""

    names: tuple[str, ...]
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class DesiredCertificate:
    """The files a certificate is served from.

    `name` is `default` or a server name (SNI). `chain_files` hold key and chain in one PEM each, key first;
    `certificate_file` and `key_file` are the older pair. `certbot` is the directory of a lineage, whose key
    and chain are put together in the one file of `chain_files`.
    """

    name: str
    origin: Origin
    chain_files: tuple[str, ...] = ()
    certificate_file: str = ""
    key_file: str = ""
    certbot: str = ""
    until_present: SelfSigned | None = None


GUARDS = (  # docs/reference/guards.md
    "tls_weakened",
    "dane_without_dnssec",
    "key_mismatch",
    "certificate_not_valid",
    "certificate_unusable",
    "key_exposed",
    "managed_elsewhere",
    "removes_too_much",
)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Permission, with a reason and an end, to do at `address` what the guard would stop."""

    guard: str
    address: str
    reason: str
    until: date
    origin: Origin


@dataclass(frozen=True, slots=True)
class DesiredState:
    """Everything declared for one instance. `enforced` parts are healed, the others observed."""

    host: str
    instance: str
    file: str  # the host file, for messages
    parameters: tuple[DesiredParameter, ...]
    tables: tuple[DesiredTable, ...]
    services: tuple[DesiredService, ...]
    certificates: tuple[DesiredCertificate, ...]
    enforced: frozenset[Part]
    waivers: tuple[Waiver, ...] = ()
