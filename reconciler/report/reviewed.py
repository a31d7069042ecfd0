"""What a review says, line by line, before any form; beside what `blocks` says of one plan.

Every host of a group has the same lines, so they are made from its first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from textwrap import wrap

from reconciler.model.review import (
    AgainstSnapshot,
    DifferenceOnly,
    Freshness,
    Group,
    HostReview,
    Judgement,
    Refused,
    Remark,
    Review,
    Touch,
)
from reconciler.report.blocks import Block, Line, Topic, after, before, block, changed, cut, name_of, shown, tally
from reconciler.report.terminal import clean

_SIGNS = {Judgement.PASS: "", Judgement.WARN: "~", Judgement.FAIL: "-"}
_TOUCHED = {Touch.CHANGED: "", Touch.ADDED: "new in this change", Touch.REMOVED: "removed by this change"}
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def verdict(review: Review) -> str:
    """The check in one line; no word of it comes from elsewhere."""
    match review.judgement:
        case Judgement.FAIL:
            text = f"Fails: {', '.join(review.failed_rules)}."
        case Judgement.WARN:
            rules = dict.fromkeys(it.rule for it in review.all_remarks if it.judgement is Judgement.WARN)
            text = f"Passes, with warnings: {', '.join(rules)}."
        case _:
            text = "Passes."
    return f"{text} {_extent(review)}"


def _extent(review: Review) -> str:
    if review.problems:
        return f"The state has {_many(len(review.problems), 'error')}, and nothing was planned."
    if not review.hosts:
        return "No host is touched."
    touched = _many(len(review.hosts), "host")
    caused = tally(change for host in review.hosts for change in host.caused)
    return f"{touched} touched, {review.untouched} not: {caused}."


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def group_blocks(group: Group) -> Iterator[Block]:
    """Why it is judged as it is, what was owed before this change, what the change causes, and what that takes."""
    host = group.first
    yield from remarks(host.remarks)
    yield from problems(host)
    if host.plan:
        yield from before(host.plan)
    yield from changed(host.still_owed, Topic.OWED)
    yield from changed(host.caused)
    yield from changed(host.no_longer_owed, Topic.DROPPED)
    if host.plan:
        yield from after(host.plan, {(it.rule, it.address) for it in host.remarks})


def remarks(of: tuple[Remark, ...]) -> Iterator[Block]:
    yield from block(Topic.REMARKS, "Judged", map(_remark, of))


def problems(of: Review | HostReview) -> Iterator[Block]:
    """Errors of the state in head, each with its place and what to write instead."""
    yield from block(Topic.PROBLEMS, "Cannot be carried out", (Line(shown(cut(str(it))), "-") for it in of.problems))


def _remark(remark: Remark) -> Line:
    at = f" at {name_of(remark.address)}" if remark.address else ""
    return Line(f"{remark.judgement.value}: {remark.rule}{at}: {shown(remark.text)}", _SIGNS[remark.judgement])


def headline(group: Group) -> str:
    """What the change causes on each host of the group; no word of it comes from elsewhere."""
    host = group.first
    words = [_TOUCHED[host.touch], {Judgement.FAIL: "fails", Judgement.WARN: "warns"}.get(group.judgement, "")]
    if host.plan is None:
        words.append("" if host.touch is Touch.REMOVED else "nothing could be planned")
    else:
        words.append(tally(host.caused) if host.caused else "nothing changes")
        words.append(f"{len(host.still_owed)} owed already" if host.still_owed else "")
    return ", ".join(word for word in words if word)


def roll(group: Group) -> Iterator[str]:
    """Every host of the group, by what it was planned against, in lines of a readable length."""
    by: dict[str, list[str]] = {}
    for host in group.hosts:
        by.setdefault(basis(host, signer=len(group.hosts) == 1), []).append(clean(host.name))
    for what, names in by.items():
        yield f"{what}:"
        yield from wrap(", ".join(names), 100, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def basis(host: HostReview, *, signer: bool) -> str:
    """What a host was planned against, how old that is, and who signed it or only that somebody did."""
    if host.touch is Touch.REMOVED:
        return "no file in the head, so nothing was planned"
    match host.basis:
        case AgainstSnapshot(_, age, freshness, name):
            signed = f", signed by {shown(name)}" if signer else ", signed"
            signed = signed if name else ", unsigned"
            old = {Freshness.FRESH: "", Freshness.MARKED: " (old)", Freshness.TOO_OLD: " (too old)"}[freshness]
            return f"snapshot {lasting(age)} old{old}{signed}"
        case DifferenceOnly():
            return "no snapshot: the difference of the two revisions, which knows nothing of the host"
        case Refused(why):
            return f"snapshot refused: {shown(why)}"


def names(group: Group, most: int) -> tuple[list[str], int]:
    """The first hosts of a group, and how many more there are."""
    return [clean(host.name) for host in group.hosts[:most]], max(0, len(group.hosts) - most)


def lasting(age: timedelta) -> str:
    """A duration in its largest whole unit."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size:
            return _many(seconds // size, unit)
    return "less than a minute"
