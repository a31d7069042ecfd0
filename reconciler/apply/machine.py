"""What a transaction asks of the machine, and of whoever proves the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconciler.model.desired import SelfSigned
from reconciler.model.proof import Proof
from reconciler.model.snapshot import FileState


class Machine(Protocol):
    """One instance's files and its Postfix. Every method raises a ReconcilerError and leaves nothing half done."""

    def read(self, path: str) -> FileState | None:
        """The file as it is now, through symbolic links; None where there is none."""

    def stage(self, path: str, content: bytes, like: FileState | None, *, mode: int) -> str:
        """Write next to the target, with the owner, mode and attributes it shall have; gives the staged path.

        `mode` counts for new files only.
        """

    def build(
        self, kind: str, path: str, content: bytes, like: FileState | None, held: Mapping[str, str] | None
    ) -> str:
        """Have postmap compile a source aside, compare what it made with the source; gives the staged path.

        `held` where the rows name PEM files, whose content goes into the table: where those wait that are replaced,
        path to staged path.
        """

    def make_certificate(self, request: SelfSigned) -> tuple[bytes, bytes]:
        """A fresh private key and a certificate signed with it, both PEM."""

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """What Postfix's own programs complain about in a shadow of the configuration with these files in place."""

    def commit(self, staged: str, path: str, expected: FileState | None) -> None:
        """Put the staged file in the target's place, durably.

        Raises Conflict where the target is not `expected` any more; then the target is as it was.
        """

    def remove(self, path: str, expected: FileState | None) -> None:
        """Take a file away, durably; Conflict as in `commit`."""

    def discard(self, staged: str) -> None:
        """Remove a staged file that was not committed."""

    def is_running(self) -> bool:
        """Whether this instance's master(8) is up."""

    def reload(self) -> None:
        """`postfix reload` of this instance."""


class Prover(Protocol):
    """Proofs of the running instance around a change; only what gets worse counts."""

    def before(self) -> tuple[Proof, ...]:
        """Probe what is there."""

    def after(self) -> tuple[Proof, ...]:
        """Probe what shall be there now, waiting for the reload to be seen."""

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        """What held before, or is new, and fails now."""
