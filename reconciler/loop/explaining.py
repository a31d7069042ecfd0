"""One address explained: read what it takes, and nothing is written anywhere."""

from __future__ import annotations

import posixpath
from datetime import UTC, datetime

from reconciler import explain, live
from reconciler.apply.state import StateDirectory
from reconciler.explain.explanation import Explanation
from reconciler.host import snapshot
from reconciler.loop.look import look
from reconciler.loop.place import Where
from reconciler.model.address import Address
from reconciler.model.applied import LastApplied


def explained(where: Where, address: Address) -> Explanation:
    """The explanation of one address; without a repository in `where`, of the host alone.

    Raises every error of the tree that reading knows, and UsageError for a parameter that does not exist.
    """
    config, last, state = _with_state(where) if where.repo else _without_state(where)
    address = explain.normal(address, config)
    wanted = explain.interests(address, config, state)
    config = live.read(snapshot.extend(config.snapshot, tables=wanted.tables, pems=wanted.pems))
    return explain.explain(address, config, last, state)


def _with_state(where: Where) -> tuple[live.LiveConfig, LastApplied, explain.Stated | None]:
    from reconciler import desired  # noqa: PLC0415 - pydantic costs 130 ms

    sight = look(where)
    layers = desired.layers(sight.repo, sight.desired.host, sight.desired.instance)
    return sight.live, sight.last, explain.stated(sight.desired, sight.live, sight.last, layers)


def _without_state(where: Where) -> tuple[live.LiveConfig, LastApplied, None]:
    directory = posixpath.abspath(where.config_directory)
    config = live.read(snapshot.take(directory, now=datetime.now(UTC)))
    instance = where.instance or config.view.get("multi_instance_name") or posixpath.basename(directory)
    return config, StateDirectory(where.state_directory, instance).read(directory), None
