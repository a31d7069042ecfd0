"""Drift as data: what on the host is not as it was last applied, or as it is written down."""

from __future__ import annotations

from enum import StrEnum

from reconciler.frozen import dataclass


class Kind(StrEnum):
    """What an incident is about. The first group is drift, the second keeps the agent from its work."""

    PARAMETER = "parameter"
    LIST_ELEMENT = "list element"
    SERVICE = "service"
    OPTION = "option"
    TABLE_ROW = "table row"
    TABLE_STALE = "table stale"
    FILE_ATTRIBUTES = "file attributes"
    CERTIFICATE_ABSENT = "certificate absent"
    CERTIFICATE_RENEWED = "certificate renewed"
    CERTIFICATE_EXPIRING = "certificate expiring"
    CERTIFICATE_SERVED = "certificate served"
    CONFIGURATION_OLD = "configuration old"
    POSTFIX_DOWN = "postfix down"

    SOURCE_UNREACHABLE = "source unreachable"
    SOURCE_REFUSED = "source refused"
    SOURCE_STALE = "source stale"
    STATE_INVALID = "state invalid"
    PLAN_STOPPED = "plan stopped"
    APPLY_FAILED = "apply failed"
    REVISION_QUARANTINED = "revision quarantined"
    PASS_FAILED = "pass failed"  # noqa: S105 - no password

    @property
    def is_drift(self) -> bool:
        return self not in _TROUBLE


_TROUBLE = frozenset(
    {
        Kind.SOURCE_UNREACHABLE,
        Kind.SOURCE_REFUSED,
        Kind.SOURCE_STALE,
        Kind.STATE_INVALID,
        Kind.PLAN_STOPPED,
        Kind.APPLY_FAILED,
        Kind.REVISION_QUARANTINED,
        Kind.PASS_FAILED,
    }
)


class Cause(StrEnum):
    """Which side moved. OBSERVED is a part that is not enforced: the host is left as it is."""

    CORRECTIVE = "corrective"
    INTENTIONAL = "intentional"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Who:
    """Who may have done it: the owner of the file and when it was last written; `audit` where an audit trail says."""

    uid: int | None = None
    mtime: str = ""  # ISO 8601
    audit: str = ""

    def __str__(self) -> str:
        if self.audit:
            return self.audit
        owner = "" if self.uid is None else f"file of uid {self.uid}"
        return ", ".join(part for part in (owner, f"written {self.mtime}" if self.mtime else "") if part)


NOBODY = Who()


@dataclass(frozen=True, slots=True)
class Drifted:
    """One drift, as one look found it. `subject` is an address, or what else it is about, such as `postfix`.

    Values are as they may be shown: without secrets. Raises ValueError for one without a difference.
    """

    kind: Kind
    subject: str
    written: str | None
    live: str | None
    cause: Cause = Cause.CORRECTIVE
    detail: str = ""
    who: Who = NOBODY

    def __post_init__(self) -> None:
        if self.written == self.live:
            raise ValueError(f"{self.subject}: {self.kind} without a difference")

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.subject}"
