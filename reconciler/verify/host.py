"""What the proofs ask of the host's Postfix; `reconciler.host.programs.Postfix` is one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Host(Protocol):
    """Every method raises CommandFailed."""

    def query(self, kind: str, path: str, key: str) -> str | None:
        """`postmap -q`; None where no row matches."""

    def query_all(self, kind: str, path: str, keys: Iterable[str]) -> dict[str, str]:
        """`postmap -q -`: what a table answers, for those keys it has an answer to."""

    def dump(self, kind: str, path: str) -> bytes:
        """`postmap -s`: the rows of a compiled table."""

    def submit(self, sender: str, recipients: Iterable[str], message: bytes) -> None:
        """Hand a message to sendmail(1)."""

    def delete(self, queue_id: str) -> None:
        """Take a message out of the queue."""
