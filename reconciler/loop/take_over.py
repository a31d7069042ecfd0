"""Import: read a host, write its host file, and see that a plan with it changes nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler import desired, importer, live, plan
from reconciler.errors import HostUnreadable, PlanRefused, UsageError
from reconciler.frozen import dataclass, replace
from reconciler.host import snapshot
from reconciler.importer import Imported
from reconciler.live import LiveConfig
from reconciler.loop.look import own_name
from reconciler.model.address import Address, OptionAddress, ParameterAddress
from reconciler.model.applied import LastApplied
from reconciler.model.desired import Part
from reconciler.model.snapshot import HostSnapshot, RepoSnapshot
from reconciler.postfix.domain import check_domain

_ROUNDS = 5
_DROPPED = "a plan would change it; this is a fault of ours, please report it"


@dataclass(frozen=True, slots=True)
class TakenOver:
    """`name` is that of the host file. `dropped` is what the check of the plan took out: it should be empty."""

    name: str
    imported: Imported
    dropped: tuple[Address, ...] = ()


def take_over(directory: str, *, host: str = "", instance: str = "", enforce: bool, own_map: bool) -> TakenOver:
    """The host file of the instance in a configuration directory, running or not.

    Raises HostUnreadable where there is none that Postfix would take, UsageError where its name is no host's.
    """
    config, name = _read(directory, host, instance)
    without: dict[Address, str] = {}
    for _ in range(_ROUNDS):
        made = importer.write(config, name, enforce=enforce, own_map=own_map, without=without)
        wrong = set(_changed(config, name, made)) - without.keys()
        if not wrong:
            return TakenOver(name, made, tuple(without))
        without |= dict.fromkeys(wrong, _DROPPED)
    raise HostUnreadable(f"{directory}: no state was found that a plan would leave as it is")


def _read(directory: str, host: str, instance: str) -> tuple[LiveConfig, str]:
    seen = snapshot.take(posixpath.abspath(directory), now=datetime.now(UTC))
    first = live.read(seen)
    named = host or own_name(first)
    instance = instance or first.view.get("multi_instance_name")
    try:
        check_domain(named)
        check_domain(instance or named)
    except ValueError as error:
        raise UsageError(f"{error}; name the host with --host") from error
    return live.read(_extended(seen, first)), f"{named}@{instance}" if instance else named


def _extended(seen: HostSnapshot, first: LiveConfig) -> HostSnapshot:
    """With the tables and certificates to look at; a table that cannot be read is one that is left out."""
    interests = importer.interests(first)
    for path, kind in interests.tables.items():
        try:
            seen = snapshot.extend(seen, tables={path: kind})
        except HostUnreadable:
            continue
    return snapshot.extend(seen, pems=interests.pems)


def _changed(config: LiveConfig, name: str, made: Imported) -> Iterator[Address]:
    """What a plan with this file would change or refuse, were all of it enforced."""
    files = {path: text.encode() for path, text in made.files.items()}
    host, _, instance = name.partition("@")
    state = desired.load(RepoSnapshot(files, "", ""), host, instance)
    state = replace(state, enforced=frozenset(Part))
    last = LastApplied(config.snapshot.config_directory)
    try:
        changes = plan.plan(state, config, last, revision="", origin="").changes
    except PlanRefused as refused:
        places = {problem.position for problem in refused.problems}
        found = [ParameterAddress(it.name) for it in state.parameters if it.origin.position in places]
        if not found:
            raise
        yield from found
        return
    yield from (it.address.service if isinstance(it.address, OptionAddress) else it.address for it in changes)
