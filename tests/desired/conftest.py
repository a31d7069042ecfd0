"""State repositories made of texts, and what reading them says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.desired import load, validate
from reconciler.errors import Problem, StateInvalid
from reconciler.model.desired import DesiredState
from reconciler.model.snapshot import RepoSnapshot

HOST = "mx1.example.org"
HOST_FILE = f"hosts/{HOST}.yaml"


def snapshot(host: str | bytes = "", **others: str | bytes) -> RepoSnapshot:
    """A repository of one host file and others, whose paths are written with `__` for `/`."""
    files = {path.replace("__", "/"): text for path, text in others.items()}
    if host:
        files[HOST_FILE] = host
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    return RepoSnapshot(contents, revision="0123456", origin="test")


@pytest.fixture(name="snapshot")
def _snapshot() -> Callable[..., RepoSnapshot]:
    return snapshot


@pytest.fixture
def state() -> Callable[..., DesiredState]:
    """The state of mx1.example.org as a host file and other files declare it."""

    def read(host: str, files: dict[str, str] | None = None, **others: str) -> DesiredState:
        repo = snapshot(host, **others)
        more = {path: text.encode() for path, text in (files or {}).items()}
        return load(RepoSnapshot({**repo.files, **more}, repo.revision, repo.origin), HOST)

    return read


@pytest.fixture
def problems() -> Callable[..., tuple[Problem, ...]]:
    """Everything that is wrong with a repository."""

    def read(host: str | bytes, files: dict[str, str | bytes] | None = None) -> tuple[Problem, ...]:
        more = {path: text if isinstance(text, bytes) else text.encode() for path, text in (files or {}).items()}
        repo = snapshot(host)
        with pytest.raises(StateInvalid) as caught:
            validate(RepoSnapshot({**repo.files, **more}, repo.revision, repo.origin))
        return caught.value.problems

    return read
