"""The agent's snapshot goes out when something changed, when it is time, and again soon where it failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.host.instance import PrivateInstance
from reconciler.loop.place import Where
from reconciler.loop.publisher import Publisher
from reconciler.model import wire
from reconciler.model.moment import Moment

pytestmark = pytest.mark.postfix


def moment(uptime_s: float) -> Moment:
    return Moment(datetime(2026, 11, 23, tzinfo=UTC), "boot", uptime_s)


@pytest.fixture
def publisher(instances: Callable[..., PrivateInstance], tmp_path: Path) -> Publisher:
    instance = instances("mx1.test", started=False)
    where = Where("", instance.config_directory, str(tmp_path / "memory"), host="mx1.test")
    return Publisher(where, str(tmp_path / "out"), 3600)


def test_it_is_sent_at_first_then_by_the_clock_or_after_a_change(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert publisher.look_ended(moment(10), changed=False)
    (sent,) = (tmp_path / "out").iterdir()
    assert b"mx1.test" in wire.unwrap(sent.read_bytes()).message
    assert not publisher.look_ended(moment(20), changed=False)
    assert publisher.look_ended(moment(30), changed=True)
    assert not publisher.look_ended(moment(3620), changed=False)
    assert publisher.look_ended(moment(3640), changed=False)


def test_what_fails_is_tried_again_within_a_minute(publisher: Publisher, tmp_path: Path) -> None:
    publisher.target = str(tmp_path / "file/below")
    (tmp_path / "file").touch()
    assert not publisher.look_ended(moment(10), changed=True)
    publisher.target = str(tmp_path / "out")
    (tmp_path / "out").mkdir()
    assert not publisher.look_ended(moment(20), changed=False)
    assert publisher.look_ended(moment(75), changed=False)
