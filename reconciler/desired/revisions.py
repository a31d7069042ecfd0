"""Two revisions of a state repository: which hosts' states differ, whatever files changed in between.

A file that both revisions hold is read once, and a host is assembled only where something it may be made of changed:
its own file, or a profile, group or policy file whose name stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from typing import Generic, TypeVar, cast

from reconciler.desired.repository import FLEET, HOST_FILE, PROFILE_FILE, Known, Repository
from reconciler.desired.tree import Mapping, Node, Sequence, entry_at, plain
from reconciler.errors import Problem
from reconciler.frozen import dataclass
from reconciler.model.desired import DesiredState, Origin
from reconciler.model.snapshot import RepoSnapshot

Made = TypeVar("Made")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._/-]+")
_PROFILES, _POLICIES = "profiles/", "policies/"


@dataclass(frozen=True, slots=True)
class Touched:
    """One host whose state differs; `before` or `after` is None where that revision has no valid state for it."""

    host: str
    instance: str
    before: DesiredState | None
    after: DesiredState | None

    @property
    def name(self) -> str:
        return f"{self.host}@{self.instance}" if self.instance else self.host


@dataclass(frozen=True, slots=True)
class Difference(Generic[Made]):
    """`problems` are those of head, `inherited` those of base that keep it from being compared."""

    touched: tuple[Made, ...]
    untouched: int
    problems: tuple[Problem, ...] = ()
    inherited: tuple[Problem, ...] = ()


def difference(base: RepoSnapshot, head: RepoSnapshot, make: Callable[[Touched], Made]) -> Difference[Made]:
    """What differs between two revisions, host by host: what `make` makes of each; nothing once head has a problem.

    Files that did not change are not validated again, but where a host that is touched is made of them. The states of
    one host are let go before the next one's are assembled: a fleet may have ten thousand.
    """
    known = Known()
    before, after = Repository(base, known), Repository(head, known)
    _changed_files(base, head, after)
    concerned = sorted(_concerned(base, head, before, after))
    made: list[Made] = []
    there = 0
    for path in concerned:
        one = _touched(path, base, head, (before, after))
        if one is not None and not after.problems:
            made.append(make(one))
            there += one.after is not None
        before.forget(path)
        after.forget(path)
    count = sum(1 for path in head.files if HOST_FILE.fullmatch(path))
    problems, inherited = (tuple(sorted(set(it.problems))) for it in (after, before))
    return Difference(() if problems else tuple(made), max(count - there, 0), problems, inherited)


def _changed_files(base: RepoSnapshot, head: RepoSnapshot, after: Repository) -> None:
    """Read every file of head that base does not hold as it is, also those that no host is made of."""
    for path in sorted(head.files):
        if base.files.get(path) == head.files[path]:
            continue
        if path == FLEET:
            after.fleet()
        elif match := HOST_FILE.fullmatch(path):
            after.check_host_name(path, match[1])
        elif match := PROFILE_FILE.fullmatch(path):
            after.check_profile_name(path, match[1])
            after.profile_file(match[1])
        elif path.startswith(_POLICIES):
            after.rows(path)
        else:
            after.check_unread(path)


def _touched(path: str, base: RepoSnapshot, head: RepoSnapshot, sides: tuple[Repository, Repository]) -> Touched | None:
    match = HOST_FILE.fullmatch(path)
    if match is None:
        return None
    host, instance = match[1], match[2] or ""
    before, after = (
        side.state(path, host, instance) if path in repo.files else None
        for side, repo in zip(sides, (base, head), strict=True)
    )
    if before is not None and after is not None and alike(before, after):
        return None
    return Touched(host, instance, before, after)


def _concerned(base: RepoSnapshot, head: RepoSnapshot, before: Repository, after: Repository) -> Iterator[str]:
    """The host files that changed, and those in which the name of something that changed stands."""
    named = _changed_names(base, head, before, after)
    for path in sorted(base.files.keys() | head.files.keys()):
        if not HOST_FILE.fullmatch(path):
            continue
        content = head.files.get(path)
        if content != base.files.get(path) or content is None or _mentions(content, named):
            yield path


def _mentions(content: bytes, names: Iterable[str]) -> bool:
    """Whether a file may name one of these; an escape could spell anything."""
    return any(name.encode() in content for name in names) or (bool(names) and b"\\" in content)


def _changed_names(base: RepoSnapshot, head: RepoSnapshot, before: Repository, after: Repository) -> frozenset[str]:
    """The groups, profiles and policy files that say something else, and those made of them."""
    changed = {path for path in base.files.keys() | head.files.keys() if base.files.get(path) != head.files.get(path)}
    names = {path for path in changed if path.startswith(_POLICIES)}
    names |= {path.removeprefix(_PROFILES).removesuffix(".yaml") for path in changed if path.startswith(_PROFILES)}
    if FLEET in changed:
        names |= _changed_groups(before.fleet(), after.fleet())
    if not names:
        return frozenset()
    holders = _holders(before) | _holders(after)
    size = -1
    while size != len(names):
        size = len(names)
        names |= {name for name, texts in holders.items() if texts & names}
    if not all(_PLAIN_NAME.fullmatch(name) for name in names):
        return frozenset({""})  # one that may be written over two lines: every host is looked at
    return frozenset(names)


def _changed_groups(before: Mapping | None, after: Mapping | None) -> set[str]:
    one, other = (_groups(it) for it in (before, after))
    return {
        name
        for name in one.keys() | other.keys()
        if (name in one) != (name in other) or plain(one[name]) != plain(other[name])
    }


def _groups(fleet: Mapping | None) -> dict[str, Node]:
    entry = entry_at(fleet, "groups") if fleet is not None else None
    found = entry.value.entries if entry is not None and isinstance(entry.value, Mapping) else {}
    return {name: it.value for name, it in found.items()}


def _holders(repository: Repository) -> dict[str, frozenset[str]]:
    """Every group and profile with the texts in it, among which are the names of what it is made of."""
    groups = _groups(repository.fleet())
    profiles = {name: tree for name in repository.own_profiles if (tree := repository.profile_file(name)) is not None}
    return {name: frozenset(_texts(node)) for name, node in {**groups, **profiles}.items()}


def _texts(node: Node) -> Iterator[str]:
    match node:
        case Mapping():
            for entry in node.entries.values():
                yield from _texts(entry.value)
        case Sequence():
            for item in node.items:
                yield from _texts(item)
        case _:
            yield node.text


def alike(one: object, other: object) -> bool:
    """Whether two states say the same; not where they say so."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if one == other:  # most are, and this is the quick way to know
        return True
    match one:
        case Origin():
            return True
        case tuple():
            mine, others = one, cast("tuple[object, ...]", other)
            return len(mine) == len(others) and all(map(alike, mine, others))
        case _ if is_dataclass(one):
            return all(
                alike(getattr(one, name), getattr(other, name))
                for name, it in one.__dataclass_fields__.items()
                if it.compare
            )
        case _:
            return False
