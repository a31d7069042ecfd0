"""How long to wait for a remote that does not answer."""

from __future__ import annotations

import random
from datetime import timedelta

LONGEST = timedelta(minutes=5)
_FIRST = timedelta(seconds=2)


def delay(attempt: int, seed: str) -> timedelta:
    """Before attempt number `attempt` (1 is the first repetition): doubled each time, up to LONGEST, less up to half.

    The same attempt and seed give the same delay; hosts with other seeds come at other times.
    """
    doubled: int = 1 << min(attempt - 1, 16)
    full = min(_FIRST * doubled, LONGEST)
    return full * (1 - random.Random(f"{seed}:{attempt}").random() / 2)  # noqa: S311 # jitter, no secret
