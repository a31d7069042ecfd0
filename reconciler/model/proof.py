"""A proof: what was probed, what was expected, what was seen."""

from __future__ import annotations

from enum import StrEnum

from reconciler.frozen import dataclass


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Proof:
    """`name` is one of a fixed list (docs/reference/proofs.md); `subject` is the listener, destination or file.

    `observed` is the evidence: an SMTP reply, a log line, a digest. For LEFT_OUT it says why.
    """

    name: str
    subject: str
    outcome: Outcome
    expected: str
    observed: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes the same proof, before and after a change, comparable."""
        return self.name, self.subject
