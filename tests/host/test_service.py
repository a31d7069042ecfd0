"""Who owns a live instance restarts it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import CommandFailed
from reconciler.host import service
from reconciler.host.instance import PrivateInstance


def test_our_own_control_group_is_no_unit_to_restart() -> None:
    assert service.unit_of(os.getpid()) == ""


@pytest.mark.parametrize(
    ("told", "on_purpose"),
    [
        (b"ActiveState=inactive\nResult=success\n", True),  # systemctl stop
        (b"Result=exit-code\nActiveState=failed\n", False),
        (b"ActiveState=failed\nResult=signal\n", False),
        (b"ActiveState=active\nResult=success\n", False),  # master(8) is gone and the unit does not know yet
        (b"", False),
    ],
)
def test_a_unit_that_ended_well_was_stopped_on_purpose(told: bytes, on_purpose: bool) -> None:
    assert service.ended_well(told) is on_purpose


def test_without_a_unit_or_a_systemd_nobody_stopped_it_on_purpose(tmp_path: Path) -> None:
    assert not service.is_stopped_on_purpose("", tmp_path)
    assert not service.is_stopped_on_purpose("postfix.service", tmp_path / "absent")


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
