from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from reconciler.notify.forge.client import Patience, Token
from reconciler.notify.forge.model import Forge
from reconciler.notify.forge.reach import Kind, Where, reach
from tests.notify.forge.server import REPOSITORY, TOKEN, Server, serve

Reached = Callable[[], Forge]


@pytest.fixture(params=["github", "gitlab", "forgejo"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A forge of each kind."""
    with serve(request.param) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    """The pauses that were made; none of them takes any time."""
    return []


@pytest.fixture
def where(server: Server, waits: list[float]) -> Callable[..., Where]:
    def make(token: str = TOKEN, **more: Any) -> Where:
        patience = Patience(timedelta(seconds=60), wait=waits.append)
        options: dict[str, Any] = {"repository": REPOSITORY, "url": server.api, "patience": patience} | more
        return Where(Kind(server.kind), token=Token(token), **options)

    return make


@pytest.fixture
def forge(where: Callable[..., Where]) -> Iterator[Callable[..., Forge]]:
    with ExitStack() as cleanup:
        yield lambda **options: cleanup.enter_context(reach(where(**options)))
