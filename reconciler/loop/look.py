"""The first half of a pass: read git, read the host, plan. Nothing is written anywhere."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler import __version__, live, plan, source
from reconciler.apply.state import StateDirectory
from reconciler.errors import HostUnreadable, UsageError
from reconciler.host import snapshot
from reconciler.loop import following, installation
from reconciler.model.address import Address
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RepoSnapshot

if TYPE_CHECKING:
    from reconciler.source.follow import Fetched, Source

_NOTHING: Mapping[str, str] = {}


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
    source: Source | None = None  # what is followed with trust; without it `repo` is read as it is


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything one pass has read."""

    desired: DesiredState
    live: live.LiveConfig
    last: LastApplied
    state: StateDirectory
    key: str  # what `desired` depends on
    revision: str
    origin: str
    repo: RepoSnapshot
    source: Source | None = None
    fetched: Fetched | None = None  # what `source` shall trust from now on, once it is acted on


def look(where: Where, repo: RepoSnapshot | None = None) -> Sight:
    """Read the state, where `repo` is not it already, and the host; nothing is written anywhere.

    A state that an apply has validated, by this version and of the same bytes, is not validated again.

    Raises every error of the tree that reading knows.
    """
    directory = posixpath.abspath(where.config_directory)
    repo, fetched = (repo, None) if repo else _read(where)
    kept = memory(where)
    seen = snapshot.take(directory, now=datetime.now(UTC), known=installation.recall(kept))
    first = live.read(seen)
    own = first.view.get("multi_instance_name")
    instance = where.instance or own
    host = where.host or own_name(first)
    if instance != own and f"hosts/{host}@{instance}.yaml" not in repo.files:
        raise UsageError(
            f"--instance {instance}: neither the multi_instance_name nor a file hosts/{host}@{instance}.yaml"
        )
    state = memory(where, instance)
    last = state.read(directory)
    key = _key(repo, host, instance)
    known = state.recall(key)
    wanted = known.desired if known else _load(repo, host, instance)
    interests = plan.interests(wanted, first, last)
    more = snapshot.extend(
        seen, tables=interests.tables, pems=interests.pems, known=known.pems if known else {}, present=interests.files
    )
    return Sight(wanted, live.read(more), last, state, key, repo.revision, repo.origin, repo, where.source, fetched)


def memory(where: Where, instance: str = "") -> StateDirectory:
    """Where this program remembers an instance; `instance` is its multi_instance_name, where that is known."""
    directory = posixpath.abspath(where.config_directory)
    return StateDirectory(where.state_directory, where.instance or instance or posixpath.basename(directory))


def _read(where: Where) -> tuple[RepoSnapshot, Fetched | None]:
    if where.source is None:
        return source.read(where.repo, branch=where.branch, subdirectory=where.subdirectory), None
    fetched = following.fetch(where.source)
    return fetched.snapshot, fetched


def _load(repo: RepoSnapshot, host: str, instance: str) -> DesiredState:
    from reconciler import desired  # noqa: PLC0415 - pydantic costs 130 ms

    return desired.load(repo, host, instance)


def _key(repo: RepoSnapshot, host: str, instance: str) -> str:
    """What a validated state depends on."""
    digest = hashlib.sha256(f"{__version__}\0{host}\0{instance}\0".encode())
    for path, content in sorted(repo.files.items()):
        digest.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    return digest.hexdigest()


def plan_of(sight: Sight, held: frozenset[Address] = frozenset(), unserved: Mapping[str, str] = _NOTHING) -> Plan:
    """The plan of what was seen; addresses that are `held` stay as they are for now, and the certificate files that are
    `unserved`, by their paths, are to be read by Postfix once more.

    Raises PlanRefused.
    """
    about = {"revision": sight.revision, "origin": sight.origin}
    return plan.plan(sight.desired, sight.live, sight.last, held=held, unserved=unserved, **about)


def own_name(config: live.LiveConfig) -> str:
    """Which host this is: the expanded myhostname of its configuration; DNS is never asked.

    Raises HostUnreadable where it is no name of one.
    """
    name = config.view.get("myhostname")
    if not name or name == "localhost":
        raise HostUnreadable("myhostname says nothing about which host this is; say so with --host")
    return name
