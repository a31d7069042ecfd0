"""What a place for snapshots is, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.errors import SnapshotRefused, UsageError
from reconciler.postfix.domain import check_domain

# Gives None where there is none of that name, and the refusal of one that cannot be had: one bad host hides no other.
Reader = Callable[[str], bytes | SnapshotRefused | None]


class Place(Protocol):
    """Where the snapshots of many hosts lie, one of each, by the name HOST or HOST@INSTANCE."""

    def put(self, name: str, content: bytes) -> None:
        """Replace the snapshot of one host. Raises PublishFailed."""

    def reading(self) -> AbstractContextManager[Reader]:
        """Open the place. Raises PublishFailed or UsageError where it cannot be had at all."""


def check_name(name: str) -> str:
    """HOST or HOST@INSTANCE as a file and a ref may be called.

    Raises UsageError.
    """
    for part in name.split("@", 1):
        try:
            check_domain(part)
        except ValueError as error:
            raise UsageError(f"{name[:255]!r} is no name of a host: {error}") from error
    return name
