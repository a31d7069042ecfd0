"""What tests of several packages share: private Postfix instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from reconciler.host.instance import PrivateInstance, workspace

Instances = Callable[..., PrivateInstance]

# The gate says the same of the same code, on however slow a machine. `--hypothesis-profile=explore` looks further.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", _PATIENT, derandomize=True)
settings.register_profile("explore", _PATIENT)
settings.load_profile("gate")


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
