"""Who owns a live instance restarts it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from reconciler.errors import CommandFailed
from reconciler.host import service
from reconciler.host.instance import PrivateInstance


def test_our_own_control_group_is_no_unit_to_restart() -> None:
    assert service.unit_of(os.getpid()) == ""


@pytest.mark.postfix
def test_an_instance_outside_of_systemd_is_stopped_and_started(instances: Callable[..., PrivateInstance]) -> None:
    instance = instances()
    before = instance.pid
    service.restart(instance.postfix, before)
    assert instance.wait_for_banner(instance.smtpd_port).startswith("220")
    assert instance.pid not in (None, before)


@pytest.mark.postfix
def test_an_instance_that_is_down_is_not_started(instances: Callable[..., PrivateInstance]) -> None:
    instance = instances(started=False)
    with pytest.raises(CommandFailed, match="it has ended; start it yourself"):
        service.restart(instance.postfix, instance.pid)
    assert instance.pid is None
