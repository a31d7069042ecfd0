"""A review: what a change from one revision of the state to another would do to every host that it touches.

Everything a pull request shows (text, Markdown, HTML, JSON, the status of its check) derives from this one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.model.address import Address
from reconciler.model.plan import Change, Plan


class Judgement(StrEnum):
    """What the check says; the worst one stands."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason for a judgement. `rule` is a stable word: a guard's name, or one of docs/review.md."""

    judgement: Judgement
    rule: str
    text: str
    address: Address | None = None


class Freshness(StrEnum):
    """How much a snapshot's age lets it say: an old one is marked, a much older one fails the check."""

    FRESH = "fresh"
    MARKED = "marked"
    TOO_OLD = "too old"


@dataclass(frozen=True, slots=True)
class AgainstSnapshot:
    """Planned against what the host published. `signer` is who signed it, or empty where no signers were asked for."""

    taken: datetime
    age: timedelta
    freshness: Freshness
    signer: str


@dataclass(frozen=True, slots=True)
class DifferenceOnly:
    """There is no snapshot: the plan goes from base, as if it were applied, to head, and knows nothing of the host."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The snapshot is not to be believed, and nothing was planned against it."""

    why: str


Basis = AgainstSnapshot | DifferenceOnly | Refused


class Touch(StrEnum):
    """What the change does to the host's state as a whole."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class HostReview:
    """One touched host.

    `plan` is what applying head would do, all of it; None where nothing could be planned: the remarks say why.
    `owed` is what applying base would do: drift, and commits not applied yet, none of them caused by this change.
    It is None where base says nothing that can be carried out. `problems` are what keeps head from being carried out.
    """

    host: str
    instance: str
    touch: Touch
    basis: Basis
    plan: Plan | None = None
    owed: Plan | None = None
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.host}@{self.instance}" if self.instance else self.host

    @property
    def judgement(self) -> Judgement:
        return worst(remark.judgement for remark in self.remarks)

    @property
    def caused(self) -> tuple[Change, ...]:
        """The changes of the plan that base did not owe already."""
        return _without(self.plan, self.owed)

    @property
    def still_owed(self) -> tuple[Change, ...]:
        """The changes of the plan that base would make just so: drift, and what was merged before."""
        caused = set(map(_what, self.caused))
        return tuple(change for change in self.plan.changes if _what(change) not in caused) if self.plan else ()

    @property
    def no_longer_owed(self) -> tuple[Change, ...]:
        """What base would change and head would not."""
        return _without(self.owed, self.plan) if self.plan else ()


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts that the change does the same to: shown once, as its first host, with all of them listed."""

    hosts: tuple[HostReview, ...]

    @property
    def first(self) -> HostReview:
        return self.hosts[0]

    @property
    def judgement(self) -> Judgement:
        return worst(host.judgement for host in self.hosts)


@dataclass(frozen=True)
class Review:
    """`base` and `head` are commits. `untouched` is how many hosts of head the change does not touch.

    `problems` are the errors of the state in head; while there is one, nothing is planned. `now` is ISO 8601.
    `marked_after` and `refused_after` are the ages at which a snapshot is marked, and fails the check.
    """

    base: str
    head: str
    origin: str
    now: str
    marked_after: timedelta
    refused_after: timedelta
    hosts: tuple[HostReview, ...] = ()
    untouched: int = 0
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Remark, ...] = ()  # about the change as a whole

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The hosts by what is done to them: those that fail first, then those that warn, each by their first names."""
        gathered: dict[object, list[HostReview]] = {}
        for host in self.hosts:
            gathered.setdefault(_likeness(host), []).append(host)
        groups = (Group(tuple(hosts)) for hosts in gathered.values())
        return tuple(sorted(groups, key=lambda group: _ORDER.index(group.judgement), reverse=True))

    @property
    def judgement(self) -> Judgement:
        """The one value behind the text, the exit code and the commit status."""
        if self.problems:
            return Judgement.FAIL
        return worst(remark.judgement for remark in self.all_remarks)

    @property
    def all_remarks(self) -> Iterator[Remark]:
        yield from self.remarks
        for host in self.hosts:
            yield from host.remarks

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """The names of the rules that fail the check, each once."""
        named = ("state_invalid",) if self.problems else ()
        failing = (it.rule for it in self.all_remarks if it.judgement is Judgement.FAIL)
        return tuple(dict.fromkeys((*named, *failing)))

    @property
    def is_pending(self) -> bool:
        """Whether there is anything that an apply of head would do."""
        return any(host.plan is not None and not host.plan.is_empty for host in self.hosts)


_ORDER = tuple(Judgement)


def worst(judgements: Iterable[Judgement]) -> Judgement:
    return max(judgements, key=_ORDER.index, default=Judgement.PASS)


def _what(change: Change) -> tuple[Address, str | None, str | None, bool]:
    return change.address, change.before, change.after, change.forget


def _without(plan: Plan | None, other: Plan | None) -> tuple[Change, ...]:
    if plan is None:
        return ()
    known = set(map(_what, other.changes)) if other else set()
    return tuple(change for change in plan.changes if _what(change) not in known)


def _likeness(host: HostReview) -> object:
    """What makes two hosts one group: all that a reader sees, but for names, places in their own files, and ages."""
    basis = host.basis.freshness if isinstance(host.basis, AgainstSnapshot) else host.basis
    remarks = tuple((it.judgement, it.rule, it.address, _anonymous(it.text, host)) for it in host.remarks)
    problems = tuple(_anonymous(str(problem), host) for problem in host.problems)
    return host.touch, basis, _effects(host.plan, host), _effects(host.owed, host), problems, remarks


def _effects(plan: Plan | None, host: HostReview) -> object:
    if plan is None:
        return None
    changes = tuple(
        (*_what(it), it.why, it.reason, it.disruption, it.detail, _anonymous(str(it.origin or ""), host))
        for it in plan.changes
    )
    guards = tuple((it.rule, it.address, it.text, it.waiver and it.waiver.reason) for it in plan.guards)
    differences = tuple((it.address, it.live, it.desired) for it in plan.observed)
    directory, version = plan.config_directory, plan.mail_version
    return directory, version, changes, plan.drift, differences, plan.warnings, guards, plan.actions


def _anonymous(text: str, host: HostReview) -> str:
    return text.replace(f"hosts/{host.name}.yaml", "hosts/*.yaml").replace(f"hosts/{host.host}.yaml", "hosts/*.yaml")
