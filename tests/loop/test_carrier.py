"""From one half of the agent to the other: what is laid down goes where the carrier's settings say, once, or waits."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from reconciler import log
from reconciler.incident.machine import fold
from reconciler.loop.alerting import Alerting
from reconciler.loop.carrier import Carrier
from reconciler.loop.outgoing import Outgoing
from reconciler.loop.publishing import Made
from reconciler.loop.routes import routes
from reconciler.loop.statuses import Standing, Statuses
from reconciler.model.alert import Alert
from reconciler.model.event import Event
from reconciler.model.moment import Moment
from reconciler.notify import spool
from reconciler.notify.send import Target, Undelivered
from reconciler.record.store import Whose
from reconciler.settings.alerts import Alerts
from reconciler.settings.forge import Forge
from reconciler.settings.publish import Publish
from reconciler.settings.webhook import ForgeStyle
from tests.notify.forge.server import COMMIT, REPOSITORY, TOKEN, serve

URL = "json://u:s3cret-in-url@receiver.test"
NOW = Moment(datetime(2026, 11, 23, tzinfo=UTC), "b", 100.0)
FACTS = {"kind": "postfix down", "address": "postfix", "written": "running", "live": "not running"}


class Service:
    """A service that may be away; what it took."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Alert]] = []
        self.away = False

    def __call__(self, target: Target, alert: Alert) -> None:
        if self.away:
            raise Undelivered(f"{target.label}: away")
        self.taken.append((target.url, alert))


@pytest.fixture(autouse=True)
def said() -> Iterator[io.StringIO]:
    out = io.StringIO()
    log.configure(stream=out)
    yield out
    structlog.reset_defaults()


def events(said: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in said.getvalue().splitlines()]


def alert(directory: Path) -> Alert:
    """What the applier finds due, laid down."""
    sent = []
    laid = Outgoing(str(directory), "postfix")
    incidents = fold({}, (Event("o", 1, "drift.found", "2026-11-23T12:00:00+00:00", "b", 0.0, FACTS),)).values()
    settings = Alerts.model_validate({"routes": [{"urls": [URL]}]}, strict=False)

    def deliver(target: Target, each: Alert) -> None:
        sent.append(each)
        laid.alert(target, each)

    alerting = Alerting(Whose("mx1.test", "postfix"), routes(settings), deliver, "alert.spooled")
    assert alerting.tell(tuple(incidents), NOW) == 2  # the journal is told too
    return sent[0]


def carrier(directory: Path, service: Service, **more: Any) -> Carrier:
    target = Target(URL)
    return Carrier(str(directory), {target.id: target}, Publish(), Forge(), service, **more)


def test_an_alert_arrives_as_it_was_laid_down_and_once(tmp_path: Path, said: io.StringIO) -> None:
    service, wanted = Service(), alert(tmp_path)
    assert b"s3cret" not in next(tmp_path.iterdir()).read_bytes()
    carries = carrier(tmp_path, service)
    assert (carries.is_waiting, carries.carry(0.0), carries.carry(1.0), carries.is_waiting) == (True, 1, 0, False)
    assert service.taken == [(URL, wanted)]
    assert events(said) == ["alert.raised", "alert.spooled", "alert.sent"]


def test_what_a_service_does_not_take_waits_a_minute_and_arrives(tmp_path: Path, said: io.StringIO) -> None:
    service, wanted = Service(), alert(tmp_path)
    carries, service.away = carrier(tmp_path, service), True
    assert carries.carry(0.0) == 0
    service.away = False
    assert (carries.carry(30.0), carries.carry(61.0)) == (0, 1)
    assert service.taken == [(URL, wanted)]
    assert "s3cret" not in said.getvalue()


def test_an_alert_for_a_receiver_that_was_taken_out_of_the_settings_goes_nowhere(
    tmp_path: Path, said: io.StringIO
) -> None:
    alert(tmp_path)
    carries = Carrier(str(tmp_path), {}, Publish(), Forge(), Service())
    assert (carries.carry(0.0), carries.is_waiting) == (0, False)
    assert events(said)[-1] == "parcel.refused"


def test_what_was_not_taken_for_a_week_is_given_up(tmp_path: Path) -> None:
    service = Service()
    alert(tmp_path)
    service.away = True
    (parcel,) = tmp_path.iterdir()
    os.utime(parcel, (time.time() - 8 * 86400,) * 2)
    carries = carrier(tmp_path, service)
    assert (carries.carry(0.0), carries.is_waiting) == (0, False)


@pytest.mark.parametrize(
    "body", [{}, {"kind": "alert"}, {"kind": "other"}, {"kind": "snapshot", "content": "=", "name": "x"}]
)
def test_what_is_damaged_is_taken_away_and_keeps_nothing_else(
    tmp_path: Path, said: io.StringIO, body: dict[str, str]
) -> None:
    spool.lay_down(str(tmp_path), "0", body)
    (tmp_path / "1.json").write_bytes(b"\xff")
    service, wanted = Service(), alert(tmp_path)
    carries = carrier(tmp_path, service)
    assert (carries.carry(0.0), carries.is_waiting) == (1, False)
    assert service.taken == [(URL, wanted)]
    assert events(said).count("parcel.refused") == 2


def test_a_status_is_said_with_the_carriers_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    laid = Outgoing(str(tmp_path), "postfix")
    with serve("github") as server:
        forge = Forge(
            kind=ForgeStyle.GITHUB, url=server.api, repository=REPOSITORY, status_token_file=str(tmp_path / "token")
        )
        told = Statuses(forge, "mx1.example.org", laid.status)
        for standing in (Standing(COMMIT, "WindowClosed"), Standing(COMMIT, "Synced")):
            assert told.tell(standing, 0.0)
        assert server.statuses == []
        assert Carrier(str(tmp_path), {}, Publish(), forge).carry(0.0) == 1
        assert [(it["state"], it["context"]) for it in server.statuses] == [("success", "reconciler/mx1.example.org")]


def test_a_snapshot_goes_where_the_carriers_settings_say(tmp_path: Path, said: io.StringIO) -> None:
    laid, target = Outgoing(str(tmp_path / "spool"), "postfix"), tmp_path / "out"
    (tmp_path / "spool").mkdir()
    made = cast("Made", SimpleNamespace(name="mx1.test", content=b"signed\0bytes"))
    laid.snapshot(made, "elsewhere", "")
    (tmp_path / "file").touch()
    carries = Carrier(str(tmp_path / "spool"), {}, Publish(target=str(tmp_path / "file/below")), Forge())
    assert (carries.carry(0.0), carries.is_waiting) == (0, True)
    carries.publish = Publish(target=str(target))
    assert (carries.carry(61.0), carries.is_waiting) == (1, False)
    assert [path.read_bytes() for path in target.iterdir()] == [b"signed\0bytes"]
    assert events(said) == ["snapshot.failed", "snapshot.published"]
