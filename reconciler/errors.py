"""What can go wrong, as one tree, and where it stands in a file.

Every error that leaves this program is one of these. `reason` is the CamelCase word that JSON output, statuses and
alerts carry; the text is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file of the state repository or of the host: 1-based line and column (in characters)."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where, what, why it is wrong, and what to write instead."""

    position: Position
    what: str
    fix: str = ""
    why: str = ""

    def __str__(self) -> str:
        return f"{self.position}: {self.what}" + (f"; {self.fix}" if self.fix else "")

    def for_terminal(self) -> str:
        """The same over up to three lines, as STYLE has it for a terminal."""
        lines = [f"{self.position}: {self.what}"]
        lines += [f"  why: {self.why}"] if self.why else []
        lines += [f"  fix: {self.fix}"] if self.fix else []
        return "\n".join(lines)


class ReconcilerError(Exception):
    """The root. `retry_helps` tells a loop whether the same call can succeed later without anybody acting."""

    reason: ClassVar[str] = "Failed"
    retry_helps: ClassVar[bool] = False


class UsageError(ReconcilerError):
    """The command line cannot be carried out as it stands."""

    reason = "UsageError"


class StateInvalid(ReconcilerError):
    """The state repository does not say a state: every problem found in it, sorted by position."""

    reason = "StateInvalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingsInvalid(ReconcilerError):
    """The settings of this program cannot be taken as they stand: every problem, sorted by position."""

    reason = "SettingsInvalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SourceUnreadable(ReconcilerError):
    """The state repository could not be had: no such directory, no such branch, a remote that does not answer."""

    reason = "SourceUnreadable"
    retry_helps = True


class SourceStale(ReconcilerError):
    """No commit has come for longer than the settings allow; the last one stays in force."""

    reason = "SourceStale"


class SourceTrouble(ReconcilerError):
    """What keeps the puller from the newest state, as it says; the last state that it handed over stays in force."""

    reason = "SourceTrouble"

    @classmethod
    def told(cls, reason: str, text: str) -> SourceTrouble:
        """One with the reason word of the error that the puller had."""
        made: SourceTrouble = type(cls.__name__, (cls,), {"reason": reason})(text)
        return made


class Untrusted(ReconcilerError):
    """A commit that the trust of this host does not cover; the last trusted one stays in force."""

    reason = "Untrusted"

    def __init__(self, commit: str, why: str) -> None:
        self.commit, self.why = commit, why
        super().__init__(f"commit {commit}: {why}")


class Rewound(ReconcilerError):
    """The remote offers what does not follow the last trusted commit: rewound, replayed, or another history."""

    reason = "Rewound"

    def __init__(self, trusted: str, offered: str, why: str) -> None:
        self.trusted, self.offered, self.why = trusted, offered, why
        super().__init__(f"commit {offered}: {why}")


class HostUnreadable(ReconcilerError):
    """The host's configuration cannot be understood, so nothing may be concluded from it and nothing is written."""

    reason = "HostUnreadable"


class PlanRefused(ReconcilerError):
    """The state is well formed but cannot be carried out on this host; nothing was written."""

    reason = "PlanRefused"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class GuardTripped(ReconcilerError):
    """The plan would weaken, break or remove something, and no waiver in git allows it; nothing was written."""

    reason = "GuardTripped"


class ApprovalNeeded(ReconcilerError):
    """There are changes, nobody is there to approve them, and `--auto-approve` was not given."""

    reason = "ApprovalNeeded"


class CommandFailed(ReconcilerError):
    """A program that was started did not do its work."""

    reason = "CommandFailed"

    def __init__(self, argv: tuple[str, ...], *, why: str) -> None:
        self.argv = argv
        super().__init__(f"{' '.join(argv)}: {why.strip() or 'failed without a word'}")


class MachineFailed(ReconcilerError):
    """The operating system refused something that nothing better is known about than its own word."""

    reason = "MachineFailed"

    def __init__(self, error: OSError) -> None:
        word = error.strerror or str(error)
        super().__init__(f"{error.filename}: {word}" if error.filename else word)


@contextmanager
def naming(place: object) -> Iterator[None]:
    """An OSError that comes without a name, as those of sockets and of writing do, gets this path or address."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(place)
        raise


class DocumentRefused(ReconcilerError):
    """A document of ours, given back to us, is none: another shape, another major version, or beyond its bounds."""

    reason = "DocumentRefused"


class DocumentTooLarge(DocumentRefused):
    """One that may be ours, and holds more than is read."""


class ForgeRefused(ReconcilerError):
    """A forge's API said no: no such token, repository or pull request, or no right to do it."""

    reason = "ForgeRefused"


class ForgeBusy(ReconcilerError):
    """A forge's API did not answer, or asked to come back later than we wait."""

    reason = "ForgeBusy"
    retry_helps = True


class CheckFailed(ReconcilerError):
    """The staged configuration did not pass its checks; the live files were not touched."""

    reason = "CheckFailed"


class CanaryRefused(ReconcilerError):
    """The candidate failed in a private instance; the live files were not touched."""

    reason = "CanaryRefused"


class Conflict(ReconcilerError):
    """Somebody else changed a file while it was being replaced; the other's version was kept."""

    reason = "Conflict"


class RolledBack(ReconcilerError):
    """A proof that held before did not hold after the change; the old files are back in force."""

    reason = "RolledBack"


class RollbackFailed(ReconcilerError):
    """The old files could not be put back; the text names what stands where."""

    reason = "RollbackFailed"


class VerifyFailed(ReconcilerError):
    """At least one proof failed."""

    reason = "VerifyFailed"


class Locked(ReconcilerError):
    """Another run holds the state lock."""

    reason = "Locked"
    retry_helps = True


class StateUnusable(ReconcilerError):
    """The directory in which this program keeps its memory cannot be read or written."""

    reason = "StateUnusable"


class PlanMoved(ReconcilerError):
    """The host, the state or this program is not what it was when the plan was saved; nothing was done."""

    reason = "PlanMoved"


class Quarantined(ReconcilerError):
    """This revision was tried on this host and taken back; it is not tried again by itself."""

    reason = "Quarantined"


class RecoveryStopped(ReconcilerError):
    """An interrupted transaction can be ended neither way: somebody changed its files since. Nothing was touched."""

    reason = "RecoveryStopped"


class JournalDamaged(RecoveryStopped):
    """What a transaction was about cannot be read, nor whether it ended."""


class JournalNewer(StateUnusable):
    """A later major version of this program wrote the journal of a transaction."""


class SnapshotRefused(ReconcilerError):
    """A published snapshot is not to be believed: no snapshot at all, too large, of another host, badly signed."""

    reason = "SnapshotRefused"


class PublishFailed(ReconcilerError):
    """A snapshot could not be put where reviewers look for it; nothing on the host depends on that."""

    reason = "PublishFailed"
    retry_helps = True
