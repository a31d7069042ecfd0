"""A plan: data that says what would change, why, and what applying it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from reconciler.frozen import dataclass
from reconciler.model.address import Address
from reconciler.model.applied import Applied, Mirrored
from reconciler.model.desired import Origin, SelfSigned, Waiver
from reconciler.model.snapshot import Excerpt, FileState


class Why(StrEnum):
    """Puppet's split: a change follows a new commit, or undoes what was changed outside of git."""

    INTENTIONAL = "intentional"
    CORRECTIVE = "corrective"


class Reason(StrEnum):
    """The word for what led to a change."""

    DECLARED = "Declared"
    DRIFT_DETECTED = "DriftDetected"
    UNDECLARED = "Undeclared"
    DISABLED = "Disabled"
    CERTIFICATE_ABSENT = "CertificateAbsent"
    CERTIFICATE_EXPIRING = "CertificateExpiring"
    CERTIFICATE_RENEWED = "CertificateRenewed"
    CERTIFICATE_NOT_SERVED = "CertificateNotServed"
    TABLE_STALE = "TableStale"
    NO_LONGER_MANAGED = "NoLongerManaged"
    CONFLICT = "Conflict"
    ROLLED_BACK = "RolledBack"


class Disruption(StrEnum):
    """What it takes until sessions see a change; a stronger one includes the weaker."""

    NONE = "none"
    POSTMAP = "postmap"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Change:
    """One address goes from `before` to `after`; None is absence. The kind of change is the kind of its address.

    `forget` changes nothing on the host: the address is no longer managed and stays as it is.
    """

    address: Address
    before: str | None
    after: str | None
    why: Why
    reason: Reason
    disruption: Disruption
    detail: str = ""
    origin: Origin | None = None
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """The live value of a managed address is not the one last applied."""

    address: Address
    written: str | None
    live: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A declared address that is only observed, and differs."""

    address: Address
    live: str | None
    desired: str | None
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something true about the plan that a reviewer should know; `rule` is a stable word."""

    rule: str
    address: Address | None
    text: str


@dataclass(frozen=True, slots=True)
class Tripped:
    """A guard that stops the plan: its rule name, what it is about, and the waiver that lets it pass, if one does."""

    rule: str
    address: Address
    text: str
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True)
class BuildTable:
    """`postmap TYPE:PATH`, built aside and renamed; `of_files` puts in the content of the files its rows name (-F)."""

    type: str
    path: str
    why: str
    of_files: bool = False


@dataclass(frozen=True, slots=True)
class Reload:
    why: str


Action = BuildTable | Reload


@dataclass(frozen=True, slots=True)
class MakeCertificate:
    """A self-signed certificate and its key, to be made when the plan is applied: into one file, or two."""

    chain_file: str
    certificate_file: str
    key_file: str
    request: SelfSigned


@dataclass(frozen=True, slots=True)
class AssembleCertificate:
    """A private key and its chain, each in a file of its own, put together in one: key first.

    `sha256` is that of the result as the plan saw it: the two contents with a line feed between.
    """

    chain_file: str
    sources: tuple[str, ...]  # absolute paths
    sha256: str


@dataclass(frozen=True, slots=True)
class Edit:
    """The new bytes of one file; `before` is None where it does not exist, `after` is None where it is removed.

    `compiled` marks what postmap made: it is removed with its source, whatever it holds. `private` is a file that only
    its owner may read, were it made anew. `like` is whose owner, mode and attributes a file gets that is not there.
    Of a large file `before` and `after` are what `within` shows of it: everything else in it stays.
    """

    path: str
    before: bytes | None
    after: bytes | None
    compiled: bool = False
    private: bool = False
    like: FileState | None = None
    within: Excerpt | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one apply would do to one instance.

    `record` is LastApplied as it shall read afterwards. `digest` covers everything the plan was made from.
    """

    host: str
    instance: str
    config_directory: str
    mail_version: str
    revision: str
    origin: str
    now: str  # ISO 8601, from the snapshot
    digest: str
    changes: tuple[Change, ...]
    drift: tuple[Drift, ...] = ()
    observed: tuple[Difference, ...] = ()
    warnings: tuple[Warned, ...] = ()
    guards: tuple[Tripped, ...] = ()
    actions: tuple[Action, ...] = ()
    edits: tuple[Edit, ...] = ()
    certificates: tuple[MakeCertificate | AssembleCertificate, ...] = ()
    record: Mapping[Address, Applied] = field(default_factory=dict)
    history: tuple[str, ...] = ()  # digests of the states that were live, this plan's last
    matching: int = 0  # declared addresses that already are as they shall be
    mirrors: Mapping[str, Mirrored] = field(default_factory=dict)  # as `record`

    @property
    def is_empty(self) -> bool:
        """Whether an apply has nothing to do on the host and nothing to forget."""
        return not self.changes

    @property
    def blockers(self) -> tuple[Tripped, ...]:
        """The guards that no waiver answers: while there is one, the plan is not carried out."""
        return tuple(guard for guard in self.guards if guard.waiver is None)
