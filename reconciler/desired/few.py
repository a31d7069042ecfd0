"""No more problems of one file than somebody reads: each costs a search for what was meant, and files may be large."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from reconciler.errors import Problem

MOST = 100  # of one file


def few(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first of them; no more are worked out than are given. One that says that there are more is the last."""
    coming = iter(problems)
    found = tuple(islice(coming, MOST))
    after = next(coming, None)
    if after is None:
        return found
    return (*found, Problem(after.position, f"more than {MOST} mistakes in this file", fix="correct the others first"))
