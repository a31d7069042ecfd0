"""What was made of a section of the state, for the next time that it is made of the same.

The state of one host is made three times in a review: of its file alone, with its layers in base, and with those in
head. Most sections are the same each time, and what is made of them is then the same object, which tells at once that
nothing in it differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from reconciler.desired.tree import same

Made = TypeVar("Made")
Given = tuple[object, ...]  # pieces of a tree, and what else something is made of


class Kept:
    """For each purpose the last pieces of a tree that something was made of, and what that was."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Given, object]] = {}

    def once(self, purpose: str, given: Given, make: Callable[[], Made]) -> Made:
        """What `make` makes of these pieces, which is made anew only where one of them is another one.

        Whatever `make` raises is raised, and nothing is kept.
        """
        known = self.last(purpose, given)
        if known is not None:
            return cast("Made", known)
        made = make()
        self.keep(purpose, given, made)
        return made

    def last(self, purpose: str, given: Given) -> object:
        """What was made last, where it was made of these; else None."""
        known = self._last.get(purpose)
        return (
            known[1] if known is not None and len(known[0]) == len(given) and all(map(same, known[0], given)) else None
        )

    def keep(self, purpose: str, given: Given, made: object) -> None:
        self._last[purpose] = given, made
