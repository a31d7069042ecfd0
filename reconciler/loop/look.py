"""The first half of a pass: read git, read the host, plan. Nothing is written anywhere."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from reconciler import live, plan
from reconciler.apply.state import Mark, StateDirectory
from reconciler.errors import HostUnreadable, UsageError
from reconciler.frozen import dataclass
from reconciler.host import snapshot
from reconciler.loop import begun as beginning
from reconciler.loop import installation
from reconciler.loop.begun import Begun
from reconciler.loop.lean import Reading, Rows
from reconciler.loop.place import Where, memory
from reconciler.model.address import Address
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RepoSnapshot

if TYPE_CHECKING:
    from reconciler.source.follow import Fetched, Source

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything one pass has read."""

    desired: DesiredState
    live: live.LiveConfig
    last: LastApplied
    state: StateDirectory
    recorded: Mark  # of the record that was read
    key: Callable[[frozenset[str]], str]  # what `desired` depends on, but for the content of some files
    revision: str
    origin: str
    repo: RepoSnapshot
    source: Source | None = None
    fetched: Fetched | None = None  # what `source` shall trust from now on, once it is acted on


def look(where: Where, begun: Begun | None = None, rows: Rows = Rows.ALL) -> Sight:
    """Read the state, where that is not begun already, and the host; nothing is written anywhere.

    A state that an apply has validated, by this version and of the same bytes, is not validated again. `rows` says
    whether rows of large tables that are as they shall be have to be seen.

    Raises every error of the tree that reading knows.
    """
    directory = posixpath.abspath(where.config_directory)
    begun = begun or beginning.of(where)
    repo = begun.repo
    kept = memory(where)
    seen = snapshot.take(
        directory, now=datetime.now(UTC), known=installation.recall(kept), meanwhile=begun.expect_to_load
    )
    first = live.read(seen)
    own = first.view.get("multi_instance_name")
    instance = where.instance or own
    host = where.host or own_name(first)
    if instance != own and f"hosts/{host}@{instance}.yaml" not in repo.files:
        raise UsageError(
            f"--instance {instance}: neither the multi_instance_name nor a file hosts/{host}@{instance}.yaml"
        )
    state = memory(where, instance)
    recorded, last = state.mark, state.read(directory)
    known = begun.known(state, host, instance)
    load = partial(begun.load, host, instance)
    found = Reading(repo, first, last, state, known.desired if known else None, load).read(rows)
    interests = plan.interests(found.desired, first, found.last)
    more = snapshot.extend(
        seen,
        tables={path: kind for path, kind in interests.tables.items() if path not in found.excerpts},
        pems=interests.pems,
        known=known.pems if known else {},
        present=interests.files,
    )
    now, wanted, key = live.read(found.onto(more)), found.desired, begun.key
    return Sight(
        wanted, now, found.last, state, recorded, key, repo.revision, repo.origin, repo, where.source, begun.fetched
    )


def plan_of(sight: Sight, held: frozenset[Address] = frozenset(), unserved: Mapping[str, str] = _NOTHING) -> Plan:
    """The plan of what was seen; addresses that are `held` stay as they are for now, and the certificate files that are
    `unserved`, by their paths, are to be read by Postfix once more.

    Raises PlanRefused.
    """
    return plan.plan(
        sight.desired,
        sight.live,
        sight.last,
        revision=sight.revision,
        origin=sight.origin,
        held=held,
        unserved=unserved,
    )


def own_name(config: live.LiveConfig) -> str:
    """Which host this is: the expanded myhostname of its configuration; DNS is never asked.

    Raises HostUnreadable where it is no name of one.
    """
    name = config.view.get("myhostname")
    if not name or name == "localhost":
        raise HostUnreadable("myhostname says nothing about which host this is; say so with --host")
    return name
