"""The state before the host is read: its bytes, what they are known by, and how it is validated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from reconciler import __version__, source
from reconciler.frozen import dataclass

if TYPE_CHECKING:
    from reconciler.apply.state import Seen, StateDirectory
    from reconciler.loop.place import Where
    from reconciler.model.desired import DesiredState
    from reconciler.model.snapshot import RepoSnapshot
    from reconciler.source.follow import Fetched


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of the state before the host is read."""

    repo: RepoSnapshot
    fetched: Fetched | None
    key: Callable[[frozenset[str]], str]  # what a validated state depends on, beside its host and instance

    def known(self, state: StateDirectory, host: str, instance: str) -> Seen | None:
        """What an apply left of this state for this host."""
        found = state.recall(self.key)
        return found if found and (found.desired.host, found.desired.instance) == (host, instance) else None

    def expect_to_load(self) -> None:
        """Import what reading a state takes, while something else is waited for."""
        import_module("reconciler.desired.repository")

    def load(self, host: str, instance: str) -> DesiredState:
        """The validated state.

        Raises what reading a state raises.
        """
        from reconciler import desired  # noqa: PLC0415 - a state that is known needs none of it

        return desired.load(self.repo, host, instance)


def of(where: Where, repo: RepoSnapshot | None = None) -> Begun:
    """Read the state, where `repo` is not it already."""
    fetched = None
    if repo is None:
        repo, fetched = _read(where)
    return Begun(repo, fetched, partial(_key, repo))


def _read(where: Where) -> tuple[RepoSnapshot, Fetched | None]:
    if where.source is None:
        return source.read(where.repo, branch=where.branch, subdirectory=where.subdirectory), None
    from reconciler.loop import following  # noqa: PLC0415 - only with a source that is followed

    fetched = following.fetch(where.source)
    return fetched.snapshot, fetched


def _key(repo: RepoSnapshot, exempt: frozenset[str]) -> str:
    """A digest of all files, but of the content of those that are `exempt`."""
    digest = hashlib.sha256(f"{__version__}\0".encode())
    for path in sorted(repo.files):
        digest.update(f"{path}\0{'' if path in exempt else repo.digest(path)}\0".encode())
    return digest.hexdigest()
