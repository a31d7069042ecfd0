"""What an audit found: a rule that applies at one address, with what shows it and what would mend it."""

from __future__ import annotations

from enum import StrEnum

from reconciler.errors import Position
from reconciler.frozen import dataclass
from reconciler.model.address import Address


class Severity(StrEnum):
    """How much a finding matters, gravest first."""

    BROKEN = "broken"  # something does not work, or Postfix stops over it
    WEAK = "weak"  # it works, and protects less than it could
    STALE = "stale"  # what is in force is not what the file says
    EXPIRING = "expiring"  # it will not work soon
    DEPRECATED = "deprecated"  # Postfix warns of it, or has dropped it
    WITHOUT_EFFECT = "without_effect"  # it stands there and does nothing
    INFO = "info"  # nothing is wrong; somebody will want to know


@dataclass(frozen=True, slots=True)
class Fix:
    """What to do: `lines` of a host file where that can say it, else `advice`, a command or a sentence; or both."""

    advice: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a host.

    `position` is where it stands, None where it stands nowhere, as a default. `evidence` is what stands there or was
    measured, `why` what follows from it.
    """

    rule: str
    severity: Severity
    address: Address
    position: Position | None
    evidence: str
    why: str
    fix: Fix


def order(finding: Finding) -> tuple[int, str, int, str]:
    """Gravest first, then by address; of one address, as it stands in the file."""
    line = finding.position.line if finding.position else 0
    return list(Severity).index(finding.severity), str(finding.address), line, finding.rule
