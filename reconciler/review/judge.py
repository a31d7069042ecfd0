"""The review of one change: which hosts it touches, what it would do to each, and what the check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from reconciler.desired.revisions import Touched, difference
from reconciler.errors import SnapshotRefused
from reconciler.frozen import dataclass, replace
from reconciler.model.plan import Plan
from reconciler.model.published import Published
from reconciler.model.review import (
    AgainstSnapshot,
    DifferenceOnly,
    Freshness,
    HostReview,
    Judgement,
    Refused,
    Remark,
    Review,
    Touch,
)
from reconciler.model.snapshot import RepoSnapshot
from reconciler.review import instead, offline
from reconciler.review.offline import Offline, Outcome

_AHEAD = timedelta(minutes=5)  # by which a host's clock may be
_SHOWN = 20  # problems of base


@dataclass(frozen=True, slots=True)
class Ages:
    """After which age a snapshot is marked, and after which it fails the check."""

    marked: timedelta = timedelta(hours=24)
    refused: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot that is believed, and who signed it; `signer` is empty where nobody was asked to."""

    seen: Published
    signer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be reviewed: two revisions, at a moment, with the snapshots there are.

    `snapshot` gives one by the host's name, None where there is none, and the refusal of one not to be believed.
    """

    base: RepoSnapshot
    head: RepoSnapshot
    now: datetime
    snapshot: Callable[[str], Found | SnapshotRefused | None]
    ages: Ages = Ages()
    signed: bool = True  # whether signatures are asked for


def review(asked: Asked) -> Review:
    """Plan head for every host that the change touches. Nothing a host published can end it: that host is refused."""
    found = difference(asked.base, asked.head, lambda touched: _host(touched, asked))
    return Review(
        base=asked.base.revision,
        head=asked.head.revision,
        origin=asked.head.origin,
        now=asked.now.isoformat(),
        marked_after=asked.ages.marked,
        refused_after=asked.ages.refused,
        hosts=found.touched,
        untouched=found.untouched,
        problems=found.problems,
        remarks=tuple(_of_all(asked, found.touched, tuple(map(str, found.inherited)))),
    )


def _of_all(asked: Asked, hosts: tuple[HostReview, ...], inherited: tuple[str, ...]) -> Iterator[Remark]:
    if inherited:
        more = f" and {len(inherited) - _SHOWN} more" if len(inherited) > _SHOWN else ""
        text = f"base does not say a state, so nothing is known of what it owed: {'; '.join(inherited[:_SHOWN])}{more}"
        yield Remark(Judgement.WARN, "base_invalid", text)
    if not asked.signed and any(isinstance(it.basis, AgainstSnapshot) for it in hosts):
        text = "nobody said who may sign snapshots, so whoever can write to their place can say anything"
        yield Remark(Judgement.WARN, "signatures_not_checked", text)


def _host(touched: Touched, asked: Asked) -> HostReview:
    touch = _touch(touched)
    made = HostReview(touched.host, touched.instance, touch, DifferenceOnly())
    if touched.after is None:
        text = "its file is gone: its agent keeps the last state, and nothing is taken back"
        return replace(made, remarks=(Remark(Judgement.WARN, "host_removed", text),))
    found = asked.snapshot(touched.name)
    if found is None:
        return _without(made, touched, asked)
    try:
        if isinstance(found, SnapshotRefused):
            raise found
        return _against(made, touched, found, asked)
    except SnapshotRefused as refused:
        text = f"its snapshot is refused: {refused}"
        return replace(made, basis=Refused(str(refused)), remarks=(_fail("snapshot_refused", text),))


def _touch(touched: Touched) -> Touch:
    if touched.after is None:
        return Touch.REMOVED
    return Touch.ADDED if touched.before is None else Touch.CHANGED


def _against(made: HostReview, touched: Touched, found: Found, asked: Asked) -> HostReview:
    age = asked.now - found.seen.taken
    if age < -_AHEAD:
        raise SnapshotRefused(f"it says that it was taken in the future, at {found.seen.taken.isoformat()}")
    freshness = Freshness.FRESH if age <= asked.ages.marked else Freshness.MARKED
    freshness = Freshness.TOO_OLD if age > asked.ages.refused else freshness
    basis = AgainstSnapshot(found.seen.taken, max(age, timedelta(0)), freshness, found.signer)
    host = offline.read(found.seen, asked.now)
    head, owed = _both(touched, host, asked)
    remarks = (*_aged(freshness), *_said(head), *_judged(head.plan))
    made = replace(made, basis=basis, plan=head.plan, owed=owed, problems=head.problems, remarks=remarks)
    return replace(made, remarks=(*remarks, *_later(made, touched, asked)))


def _later(made: HostReview, touched: Touched, asked: Asked) -> Iterator[Remark]:
    """What guards say of an address that base owes to the host and head wants otherwise.

    Before the change is merged the host may have what base wants; from there the way to head is another one.
    """
    owed = {it.address for it in made.owed.changes} if made.owed else set()
    twice = owed & {it.address for it in made.caused}
    if not twice or touched.before is None:
        return
    there = offline.read(instead.as_if(touched.before, asked.now), asked.now)
    head, _ = _both(replace(touched, before=None), there, asked)
    said = {(it.rule, it.address) for it in made.remarks}
    for it in _judged(head.plan):
        if it.address in twice and (it.rule, it.address) not in said:
            yield replace(it, text=f"once the host has what it is owed: {it.text}")


def _without(made: HostReview, touched: Touched, asked: Asked) -> HostReview:
    """The difference of base and head, as if base had been applied to a host of which nothing is known."""
    if touched.before is None:
        there = instead.bare(touched.host, touched.instance, asked.now)
    else:
        there = instead.as_if(touched.before, asked.now)
    head, _ = _both(replace(touched, before=None), offline.read(there, asked.now), asked)
    unknown = replace(head.plan, config_directory="", mail_version="") if head.plan else None
    text = "it has published no snapshot: this is the difference of the two states, and says nothing of the host"
    told = (Remark(Judgement.WARN, "no_snapshot", text), *_said(replace(head, warned=())), *_judged(head.plan))
    return replace(made, plan=unknown, problems=head.problems, remarks=told)


def _both(touched: Touched, host: Offline, asked: Asked) -> tuple[Outcome, Plan | None]:
    """The plan of head, and that of base."""
    if touched.after is None:
        return Outcome(None), None
    before, origin = touched.before, asked.head.origin
    head = offline.planned(
        touched.after, host, revision=asked.head.revision, origin=origin, standing=before or touched.after
    )
    owed = offline.planned(before, host, revision=asked.base.revision, origin=origin).plan if before else None
    return replace(head, plan=_light(head.plan)), _light(owed)


def _light(plan: Plan | None) -> Plan | None:
    """Without what nobody is shown, such as the files' bytes: all plans of a review are held at once."""
    return None if plan is None else replace(plan, edits=(), certificates=(), record={}, history=())


def _aged(freshness: Freshness) -> Iterator[Remark]:
    match freshness:
        case Freshness.MARKED:
            yield Remark(Judgement.WARN, "snapshot_old", "the host may have changed since its snapshot was taken")
        case Freshness.TOO_OLD:
            yield _fail("snapshot_too_old", "the snapshot is too old to go by; is its agent running?")
        case Freshness.FRESH:
            pass


def _said(outcome: Outcome) -> Iterator[Remark]:
    yield from (Remark(Judgement.WARN, it.rule, it.text, it.address) for it in outcome.warned)
    if outcome.problems:
        yield _fail("plan_refused", "head cannot be carried out on this host")


def _judged(plan: Plan | None) -> Iterator[Remark]:
    """The guards: what stops the plan fails the check, what a waiver lets pass is said."""
    for guard in plan.guards if plan else ():
        if guard.waiver is None:
            yield Remark(Judgement.FAIL, guard.rule, guard.text, guard.address)
        else:
            text = f"{guard.text}; waived until {guard.waiver.until}: {guard.waiver.reason}"
            yield Remark(Judgement.WARN, guard.rule, text, guard.address)


def _fail(rule: str, text: str) -> Remark:
    return Remark(Judgement.FAIL, rule, text)
