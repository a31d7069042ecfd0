"""What was made of a section of the state, for the next time that it is made of the same.

The state of one host is made three times in a review: of its file alone, with its layers in base, and with those in
head. Most sections are the same each time, and what is made of them is then the same object, which tells at once that
nothing in it differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from reconciler.desired.tree import Entry, same

Made = TypeVar("Made")


class Kept:
    """For each purpose the last section that something was made of, and what that was."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Entry, object, object]] = {}

    def once(self, purpose: str, section: Entry, make: Callable[[], Made], *, beside: object = None) -> Made:
        """What `make` makes of a section, `beside` another thing: made anew only where one of them is another one.

        Whatever `make` raises is raised, and nothing is kept.
        """
        known = self.last(purpose, section, beside=beside)
        if known is not None:
            return cast("Made", known)
        made = make()
        self.keep(purpose, section, made, beside=beside)
        return made

    def last(self, purpose: str, section: Entry, *, beside: object = None) -> object:
        """What was made of this section last, None where it was another one."""
        known = self._last.get(purpose)
        return known[2] if known is not None and same(known[0], section) and known[1] == beside else None

    def keep(self, purpose: str, section: Entry, made: object, *, beside: object = None) -> None:
        self._last[purpose] = section, beside, made
