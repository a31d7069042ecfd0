"""When correcting becomes a fight: one definition, for who is told and for what is left alone.

Times are uptimes of one boot, in seconds, in order.
"""

from __future__ import annotations

from collections.abc import Sequence

CORRECTIONS = 3  # as many, within the span
SPAN_S = 600.0
CALM_S = 3600.0  # for so long nobody has to touch it until it is over; a new commit or `reconciler resume` ends it too


def is_one(corrections: Sequence[float]) -> bool:
    """Whether somebody fights us for what was put right at these times."""
    last = corrections[-CORRECTIONS:]
    return len(last) == CORRECTIONS and last[-1] - last[0] <= SPAN_S
