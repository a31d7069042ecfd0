"""The first half of a pass: read git, read the host, plan. Nothing is written anywhere."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler import desired, live, plan, source
from reconciler.apply.state import StateDirectory
from reconciler.errors import HostUnreadable
from reconciler.host import snapshot
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Where:
    """Which state, which instance, and where its memory lies. Empty values mean: find out."""

    repo: str
    config_directory: str
    state_directory: str
    host: str = ""
    instance: str = ""
    branch: str = ""
    subdirectory: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything one pass has read."""

    desired: DesiredState
    live: live.LiveConfig
    last: LastApplied
    state: StateDirectory
    revision: str
    origin: str


def look(where: Where) -> Sight:
    """Read the state and the host; nothing is written anywhere.

    Raises every error of the tree that reading knows.
    """
    directory = posixpath.abspath(where.config_directory)
    repo = source.read(where.repo, branch=where.branch, subdirectory=where.subdirectory)
    seen = snapshot.take(directory, now=datetime.now(UTC))
    first = live.read(seen)
    instance = where.instance or first.view.get("multi_instance_name")
    wanted = desired.load(repo, where.host or own_name(first), instance)
    state = StateDirectory(where.state_directory, instance or posixpath.basename(directory))
    last = state.read(directory)
    interests = plan.interests(wanted, first, last)
    config = live.read(snapshot.extend(seen, tables=interests.tables, pems=interests.pems))
    return Sight(wanted, config, last, state, repo.revision, repo.origin)


def plan_of(sight: Sight) -> Plan:
    """The plan of what was seen.

    Raises PlanRefused.
    """
    return plan.plan(sight.desired, sight.live, sight.last, revision=sight.revision, origin=sight.origin)


def own_name(config: live.LiveConfig) -> str:
    """Which host this is: the expanded myhostname of its configuration; DNS is never asked.

    Raises HostUnreadable where it is no name of one.
    """
    name = config.view.get("myhostname")
    if not name or name == "localhost":
        raise HostUnreadable("myhostname says nothing about which host this is; say so with --host")
    return name
