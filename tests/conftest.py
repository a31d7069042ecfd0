"""What tests of several packages share: private Postfix instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from reconciler.host.instance import PrivateInstance, workspace

Instances = Callable[..., PrivateInstance]


@pytest.fixture
def instances() -> Iterator[Instances]:
    """A factory of private instances: `instances("mx1.test", main_cf_extra=…)` gives one that serves.

    It takes the arguments of `PrivateInstance.create`; `started=False` leaves it stopped. All are stopped and removed
    after the test.
    """
    with ExitStack() as cleanup:
        directory = cleanup.enter_context(workspace("reconciler-test-"))

        def make(name: str = "mx1.test", *, started: bool = True, **options) -> PrivateInstance:
            instance = PrivateInstance.create(directory, name, **options)
            cleanup.callback(instance.stop)
            if started:
                instance.start()
            return instance

        yield make
