"""How soon somebody has to look, by what an incident is about."""

from __future__ import annotations

from reconciler.model.drift import Cause, Kind
from reconciler.model.incident import Severity

_CRITICAL = frozenset({Kind.POSTFIX_DOWN, Kind.APPLY_FAILED, Kind.CERTIFICATE_SERVED, Kind.SOURCE_REFUSED})
_INFO = frozenset({Kind.CERTIFICATE_RENEWED})


def severity(kind: Kind, cause: str = "", live: str | None = "", *, fighting: bool = False) -> Severity:
    """`live` tells a certificate that ended from one that is about to."""
    if kind in _CRITICAL or fighting or (kind is Kind.CERTIFICATE_EXPIRING and (live or "").startswith("ended")):
        return Severity.CRITICAL
    if kind in _INFO or cause == Cause.OBSERVED:
        return Severity.INFO
    return Severity.WARNING


_TROUBLES = {
    "SourceUnreadable": Kind.SOURCE_UNREACHABLE,
    "Untrusted": Kind.SOURCE_REFUSED,
    "Rewound": Kind.SOURCE_REFUSED,
    "SourceStale": Kind.SOURCE_STALE,
    "StateInvalid": Kind.STATE_INVALID,
    "PlanRefused": Kind.PLAN_STOPPED,
    "GuardTripped": Kind.PLAN_STOPPED,
    "Quarantined": Kind.REVISION_QUARANTINED,
    "RolledBack": Kind.APPLY_FAILED,
    "RollbackFailed": Kind.APPLY_FAILED,
    "CanaryRefused": Kind.APPLY_FAILED,
    "CheckFailed": Kind.APPLY_FAILED,
    "Conflict": Kind.APPLY_FAILED,
}


def kind_of_trouble(reason: str) -> Kind:
    """What a reason word of the error tree is as an incident."""
    return _TROUBLES.get(reason, Kind.PASS_FAILED)
