"""What was told of an incident, and when: the memory of alerts."""

from __future__ import annotations

from enum import StrEnum

from reconciler.frozen import dataclass


class Word(StrEnum):
    """What an alert says of an incident."""

    OPENED = "opened"
    REMINDED = "reminded"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Told:
    """The last word about the incidents of one key, on one route. `alerted_s` is when it last was an alert, and not the
    news that one is over; `severity` how grave it was then.
    """

    outbox: str
    number: int
    word: Word
    severity: str
    boot: str
    alerted_s: float
