"""The state, read before anything else; where it is new, a second process validates it meanwhile.

Importing pydantic and building its models takes as long as reading the host and importing the rest together. So a
command line that starts from nothing forks before it does that. It is a short cut and no more: where the second process
gives no state, whatever the reason, the state is validated here, and here it is said what is wrong with it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from reconciler import __version__, source
from reconciler.loop.place import memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.apply.state import Seen, StateDirectory
    from reconciler.loop.place import Where
    from reconciler.model.desired import DesiredState
    from reconciler.model.snapshot import RepoSnapshot
    from reconciler.source.follow import Fetched


@dataclass(slots=True)
class Validation:
    """A child that has the state repository, and waits to be told for which host."""

    _pid: int
    _ask: int
    _answer: int

    @classmethod
    def start(cls, repo: RepoSnapshot) -> Validation | None:
        """None where it would gain nothing, as where pydantic is here already, or cannot be had."""
        if "pydantic" in sys.modules or threading.active_count() > 1:  # a fork takes no other thread along
            return None
        asked, ask = os.pipe()
        answer, answered = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            for end in (asked, ask, answer, answered):
                os.close(end)
            return None
        if pid == 0:
            os.close(ask)
            os.close(answer)
            _validate(repo, asked, answered)
        os.close(asked)
        os.close(answered)
        return cls(pid, ask, answer)

    def result(self, host: str, instance: str) -> DesiredState | None:
        """The state of a host; None where the child found none. It ends with this."""
        with suppress(OSError):
            os.write(self._ask, pickle.dumps((host, instance)))
        os.close(self._ask)
        self._ask = -1
        with os.fdopen(self._answer, "rb") as answer:
            self._answer = -1
            said = answer.read()
        self.close()
        return pickle.loads(said) if said else None  # noqa: S301 - written by a fork of this process

    def close(self) -> None:
        """End the child, whatever it is at."""
        for end in (self._ask, self._answer):
            if end >= 0:
                os.close(end)
        self._ask = self._answer = -1
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0


def _validate(repo: RepoSnapshot, asked: int, answered: int) -> NoReturn:
    """The child: it says the state, or nothing, and never returns into what its parent was about to do."""
    try:
        from reconciler import desired  # noqa: PLC0415 - what all this is about

        with os.fdopen(asked, "rb") as question:
            host, instance = pickle.loads(question.read())  # noqa: S301 - written by the parent
        said = pickle.dumps(desired.load(repo, host, instance))
        with os.fdopen(answered, "wb") as answer:
            answer.write(said)
    finally:
        os._exit(0)  # whatever was raised is raised again where it can be told


@dataclass(slots=True)
class Begun:
    """What is known of the state before the host is read. Leaving the `with` block ends what runs for it."""

    repo: RepoSnapshot
    fetched: Fetched | None
    key: Callable[[frozenset[str]], str]  # what a validated state depends on, beside its host and instance
    seen: Seen | None = None  # by this version, of the same bytes
    validation: Validation | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.validation:
            self.validation.close()

    def known(self, state: StateDirectory, host: str, instance: str) -> Seen | None:
        """What an apply left of this state for this host."""
        found = self.seen or state.recall(self.key)
        return found if found and (found.desired.host, found.desired.instance) == (host, instance) else None

    def load(self, host: str, instance: str) -> DesiredState:
        """The validated state.

        Raises what reading a state raises.
        """
        found = self.validation.result(host, instance) if self.validation else None
        self.validation = None
        if found is not None:
            return found
        from reconciler import desired  # noqa: PLC0415 - pydantic costs 130 ms

        return desired.load(self.repo, host, instance)


def begin(where: Where) -> Begun:
    """Read the state, and have it validated while the caller does something else, where it was not validated before.

    Raises every error of the tree that reading a repository knows.
    """
    begun = of(where)
    begun.seen = memory(where).recall(begun.key)
    if begun.seen is None:
        begun.validation = Validation.start(begun.repo)
    return begun


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
