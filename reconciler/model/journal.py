"""The journal of a transaction: what it set out to do, how far it came, and all it takes to end it either way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum, StrEnum

from reconciler.frozen import dataclass
from reconciler.model.plan import Change
from reconciler.model.proof import Proof

FORMAT_VERSION = "1.0"


UNREAD = "inode:"  # what a large file's digest begins with: it was not read
LINES = ".lines"  # a copy that holds only the lines which were replaced: the others stand in the new version
MADE_ANEW = ".anew"  # no copy: postmap makes it of its source


class Phase(StrEnum):
    """How far a transaction came. The last four are ends."""

    STAGING = "staging"  # nothing live was touched
    PREPARED = "prepared"  # everything is on the disk, old and new
    COMMITTING = "committing"  # live files are being swapped
    APPLIED = "applied"  # all are; the reload and the proofs are to come
    ROLLBACK = "rollback"  # the old files are being put back
    DONE = "done"
    ROLLED_BACK = "rolled back"
    ABORTED = "aborted"  # before any live file was touched
    RELEASED = "released"  # it could not be ended, and a person took the files as they stood

    @property
    def is_end(self) -> bool:
        """Whether nothing is left to do."""
        return self in (Phase.DONE, Phase.ROLLED_BACK, Phase.ABORTED, Phase.RELEASED)


class Purpose(StrEnum):
    """What a transaction is for."""

    APPLY = "apply"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes a file the same file: its bytes, who may do what with it, its attributes. Its time does not count."""

    sha256: str  # of a large file, whose bytes were not read, UNREAD with its inode and time
    size: int  # bytes
    mode: int
    uid: int
    gid: int
    xattrs: Mapping[str, bytes] = field(default_factory=dict)  # ACLs among them
    inode: int = field(default=0, compare=False)  # for people who look; an identical copy is no change


@dataclass(frozen=True, slots=True)
class Passage:
    """One live file on its way from `before` to `after`; None is absence.

    `path` is as the configuration names it, `target` where it really lies, `aside` the name beside that under which
    the next version waits, and the old one after the swap. `copy` is the name of the old file's copy in the
    transaction's directory, `scratch` where postmap works.
    """

    path: str
    target: str
    aside: str
    before: Fingerprint | None = None
    after: Fingerprint | None = None
    copy: str = ""
    scratch: str = ""
    compiled: bool = False


class Standing(Enum):
    """What stands at a passage's target: what was there before, what shall be, or what somebody else put there."""

    OLD = "old"
    NEW = "new"
    STRANGE = "strange"


@dataclass(frozen=True, slots=True)
class Journal:
    """One transaction. `number` is its ID: transactions of an instance are counted, for clocks jump.

    `directories` are those it makes for new files, `emptied` those that a way back leaves without any. `reload` says
    whether it takes one. `changes` are the plan's, with `summary` its last line. `why` is how it ended, for a person.
    `told` is set once an event says how it ended.
    """

    number: int
    phase: Phase
    purpose: Purpose
    host: str
    instance: str
    config_directory: str
    queue_directory: str
    revision: str
    origin: str
    digest: str  # of the plan
    version: str  # of this program
    begun: str  # ISO 8601
    ended: str = ""
    summary: str = ""
    changes: tuple[Change, ...] = ()
    passages: tuple[Passage, ...] = ()
    directories: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    built: tuple[str, ...] = ()  # TYPE:PATH
    tables: tuple[str, ...] = ()  # TYPE:PATH of every compiled table that comes, changes or goes
    reload: bool = False
    reloaded: bool = False
    undoes: int = 0  # the ID of the transaction that a way back takes back, with what that has quarantined
    quarantines: tuple[str, ...] = ()  # revisions that are not to be applied again by themselves once this is done
    trial: str = ""  # what the trial in a private instance came to, or what was given up by leaving it out
    skipped_trial: bool = False
    before: tuple[Proof, ...] = ()
    after: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""  # a CamelCase word where it failed
    why: str = ""
    told: bool = False
