"""A review, and a plan from a snapshot: no host is near, and nothing is written anywhere."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from reconciler import desired, review, source
from reconciler.errors import PlanRefused, SnapshotRefused, StateInvalid, UsageError
from reconciler.frozen import dataclass, replace
from reconciler.model.plan import Plan
from reconciler.model.review import Judgement, Remark, Review
from reconciler.publish import directory, signers
from reconciler.publish.open import believed, named
from reconciler.publish.place import Reader
from reconciler.publish.places import place
from reconciler.publish.signers import Signers
from reconciler.review import Ages, Asked, Found
from reconciler.source.layout import check_count
from reconciler.source.revision import LocalRepository

_APART = Remark(
    Judgement.WARN,
    "base_ahead",
    "base has commits that head has not, and they are shown as taken back: name the merge base or bring it up to date",
)


_OBJECTS = 50_000  # more than there were, before circles of them are looked for


@dataclass(frozen=True, slots=True)
class Request:
    """What `reconciler review` was asked. Without `snapshots` every host is judged by the difference of its states."""

    repo: str
    base: str
    head: str
    snapshots: str = ""
    allowed_signers: str = ""
    subdirectory: str = ""
    token: str = ""
    ages: Ages = field(default_factory=Ages)


def reviewed(request: Request) -> Review:
    """What the change from base to head would do to every host that it touches.

    A head whose files cannot even be read is reviewed too: as invalid.

    Raises SourceUnreadable, UsageError or PublishFailed where one of its inputs is not to be had at all, StateInvalid
    where base cannot be read.
    """
    repository = LocalRepository(request.repo, request.subdirectory)
    base = repository.at(request.base)
    try:
        head = repository.at(request.head)
        if desired.hosts(base):
            check_count(head.files, "head")  # hosts refuse it too
    except StateInvalid as invalid:
        return Review(
            base=base.revision,
            head=repository.commit(request.head),
            origin=base.origin,
            now=datetime.now(UTC).isoformat(),
            marked_after=request.ages.marked,
            refused_after=request.ages.refused,
            problems=invalid.problems,
        )
    allowed = signers.read(request.allowed_signers) if request.allowed_signers else None
    with _reading(request) as read, _seldom_collecting():
        made = review.review(
            Asked(
                base=base,
                head=head,
                now=datetime.now(UTC),
                snapshot=_opening(read, allowed),
                ages=request.ages,
                signed=allowed is not None,
            )
        )
    return made if repository.contains(base.revision, head.revision) else replace(made, remarks=(_APART, *made.remarks))


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Hardly anything that a review makes is in a circle, and looking for some took a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _reading(request: Request) -> AbstractContextManager[Reader]:
    return place(request.snapshots, request.token).reading() if request.snapshots else nullcontext(lambda _: None)


def _opening(read: Reader, allowed: Signers | None) -> Callable[[str], Found | SnapshotRefused | None]:
    def opened(name: str) -> Found | SnapshotRefused | None:
        content = read(name)
        if not isinstance(content, bytes):
            return content
        try:
            found = believed(content, name, allowed)
        except SnapshotRefused as refused:
            return refused
        return Found(found.seen, found.signer)

    return opened


@dataclass(frozen=True, slots=True)
class FromFile:
    """A snapshot in a file, and the repository to hold it against."""

    file: str
    repo: str
    branch: str = ""
    subdirectory: str = ""
    allowed_signers: str = ""


def planned(asked: FromFile) -> Plan:
    """The plan for the host of a snapshot, as that host would make it now; what it cannot know is among the warnings.

    Raises SnapshotRefused, StateInvalid, PlanRefused and every error that reading the repository knows.
    """
    repo = source.read(asked.repo, branch=asked.branch, subdirectory=asked.subdirectory)
    content = directory.read(Path(asked.file))
    if content is None:
        raise UsageError(f"{asked.file}: there is no such file")
    try:
        if isinstance(content, SnapshotRefused):
            raise content
        allowed = signers.read(asked.allowed_signers) if asked.allowed_signers else None
        seen = believed(content, named(content, allowed), allowed).seen
        host = review.read(seen, datetime.now(UTC))
        state = desired.load(repo, seen.host, seen.instance)
        outcome = review.planned(state, host, revision=repo.revision, origin=repo.origin)
    except SnapshotRefused as refused:
        raise SnapshotRefused(f"{asked.file}: {refused}") from refused
    if outcome.plan is None:
        raise PlanRefused(outcome.problems)
    return replace(outcome.plan, warnings=(*outcome.warned, *outcome.plan.warnings))
