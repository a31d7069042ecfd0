"""What a transaction asks of the machine, and of whoever proves the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from reconciler.model.candidate import Candidate
from reconciler.model.desired import SelfSigned
from reconciler.model.journal import Fingerprint, Passage, Standing
from reconciler.model.proof import Proof
from reconciler.model.snapshot import Excerpt, FileState
from reconciler.model.verdict import Verdict


class Building(Protocol):
    """A compiled table in the making, one program after the other. Left without `finish`, nothing is left of it."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the program that is at work."""

    def advance(self) -> bool:
        """Wait for the program that is at work, and begin the next one; whether there is one."""

    def finish(self) -> str:
        """To the end; gives the staged path. May be asked once it is at its end too."""


class Machine(Protocol):
    """One instance's files and its Postfix. Every method raises a ReconcilerError and leaves nothing half done."""

    @property
    def queue_directory(self) -> str:
        """Where its master(8) lives."""

    def read(self, path: str) -> FileState | None:
        """The file as it is now, through symbolic links; None where there is none."""

    def fingerprint(self, path: str) -> Fingerprint | None:
        """What makes this file the same file; symbolic links are not followed. None where there is none."""

    def facts(self, path: str, within: Excerpt) -> FileState | None:
        """Owner, mode and attributes of the large file that an excerpt was taken from; None where it is another one."""

    # --- preparing: nothing live is touched

    def passage(self, path: str, *, source: str = "") -> Passage:
        """Where a file lies, and where its next version shall wait. `source` is a compiled table's."""

    def missing_directories(self, path: str) -> tuple[str, ...]:
        """Those that `stage` will make for this file, outermost first."""

    def refuse_if_crowded(self, sizes: Mapping[str, int]) -> None:
        """Whether there is room beside these files for that many bytes each, twice over."""

    def stage(self, path: str, content: bytes, like: FileState | None, *, mode: int) -> str:
        """Write next to the target, with the owner, mode and attributes it shall have; gives the staged path.

        `mode` counts for new files only.
        """

    def building(
        self, kind: str, path: str, content: bytes, like: FileState | None, held: Mapping[str, str] | None
    ) -> Building:
        """Begin to have postmap compile a source aside, and to compare what it makes with the source.

        `held` where the rows name PEM files, whose content goes into the table: where those wait that are replaced,
        path to staged path.
        """

    def splice(self, path: str, within: Excerpt, like: FileState | None) -> str:
        """As `stage`, for a large file of which some lines are replaced."""

    def rebuild(self, kind: str, path: str, staged: str, within: Excerpt, like: FileState | None) -> str:
        """As `building` to its end, of a large source that is `staged`: in a copy of the live table where it can be."""

    def make_certificate(self, request: SelfSigned) -> tuple[bytes, bytes]:
        """A fresh private key and a certificate signed with it, both PEM."""

    def check(self, files: Mapping[str, bytes | str], meanwhile: Callable[[], None]) -> tuple[str, ...]:
        """What Postfix's own programs complain about in a shadow of the configuration with these files in place.

        Live path to bytes, or to a file that holds them. `meanwhile` may be called while those programs are at work.
        """

    def remarks(self) -> tuple[str, ...]:
        """What the last `check` saw that stops nothing, for a person."""

    def copy(self, target: str, into: str) -> None:
        """Copy a live file aside, onto the disk."""

    def keep_lines(self, within: Excerpt, into: str) -> None:
        """Instead of a copy, what takes the change of an excerpt back; onto the disk."""

    def before_lines(self, target: str, copy: str) -> bytes | None:
        """The bytes before the change of an excerpt, of the file after it and what was kept; None where one is gone."""

    # --- committing

    def edits_held(self) -> AbstractContextManager[None]:
        """Keep `postconf -e` waiting. Raises Locked where one is at work for long."""

    def standing(self, passage: Passage) -> Standing:
        """What is there now. NEW where old and new are the same."""

    def carry(self, passage: Passage) -> None:
        """Put the next version in place.

        Raises Conflict where the target is not what was recorded; then it is as it was.
        """

    def waiting(self, passage: Passage, copy: str, kept: str, source: Passage | None) -> Passage:
        """See to it that what stood there before waits aside: staged anew from its copy where it does not.

        Gives the passage with that for its `before`: a large file has another mark then. `source` is of a compiled one.
        """

    def restore(self, passage: Passage) -> None:
        """Put back what stood there before, which waits aside.

        Raises Conflict where the target is not the new version any more; then it is as it was.
        """

    def sync(self, passages: Iterable[Passage]) -> None:
        """Make the new names durable."""

    # --- ending

    def clear(self, passage: Passage, kept: str) -> str:
        """Remove what waits aside. What somebody else wrote into it goes to `kept`, and that path is given."""

    def remove_directories(self, directories: Iterable[str]) -> None:
        """Those that were made for new files, as far as nothing lies in them."""

    def sweep(self) -> None:
        """Remove what killed processes of ours left outside of any journal."""

    def is_running(self) -> bool:
        """Whether this instance's master(8) is up."""

    def reload(self) -> None:
        """`postfix reload` of this instance."""

    def restart(self) -> None:
        """Stop and start it, by its systemd unit where it has one. For recovery only, and only while it is up."""


class Trial(Protocol):
    """The candidate tried in a private instance, where nobody is served by it."""

    def try_out(self, candidate: Candidate, proven: frozenset[str]) -> Verdict:
        """What it comes to. `proven` are the digests of trials that were passed before."""


class Prover(Protocol):
    """Proofs of the running instance around a change; only what gets worse counts."""

    def before(self) -> tuple[Proof, ...]:
        """Probe what is there."""

    def resume(self, before: tuple[Proof, ...]) -> None:
        """Take these for `before`: they were made by a run that did not end."""

    def mark(self) -> None:
        """A reload follows: `after` waits until it is seen."""

    def after(self) -> tuple[Proof, ...]:
        """Probe what shall be there now, waiting for the reload to be seen."""

    def regressions(self, before: tuple[Proof, ...], after: tuple[Proof, ...]) -> tuple[Proof, ...]:
        """What held before, or is new, and fails now."""

    def is_throttled(self) -> bool | None:
        """Whether master(8) has logged since `before` that it slows a failing service down; None where no log tells."""
