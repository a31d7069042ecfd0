"""What a look at a host before the first run found: one verdict a subject, what it rests on, and what to do."""

from __future__ import annotations

from enum import StrEnum

from reconciler.frozen import dataclass


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"  # it works; somebody should know
    FAILURE = "failure"  # it will not work, or not safely


@dataclass(frozen=True, slots=True)
class Checked:
    """`fix` is a command or a sentence, empty where nothing is to be done."""

    subject: str
    verdict: Verdict
    evidence: str
    fix: str = ""
