from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from reconciler import log
from reconciler.incident.machine import fold
from reconciler.loop.alerting import Alerting
from reconciler.loop.routes import routes
from reconciler.model.alert import Alert
from reconciler.model.event import Event
from reconciler.model.incident import Incident
from reconciler.model.moment import Moment
from reconciler.notify.send import Target, Undelivered
from reconciler.record.store import Whose, open_store
from reconciler.settings.alerts import Alerts

MX = Whose("mx1.test", "postfix")
SECRET = "s3cret-in-url"


def at(uptime_s: float) -> Moment:
    return Moment(datetime(2026, 11, 23, tzinfo=UTC), "b", uptime_s)


def incidents() -> tuple[Incident, ...]:
    facts = {"kind": "postfix down", "address": "postfix", "written": "running", "live": "not running"}
    return tuple(fold({}, (Event("o", 1, "drift.found", "2026-11-23T12:00:00+00:00", "b", 0.0, facts),)).values())


class Service:
    """A service that may be away; what it took."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.away = False

    def __call__(self, target: Target, alert: Alert) -> None:
        if self.away:
            raise Undelivered(f"{target.label}: away")
        self.taken.append(alert)


@pytest.fixture(autouse=True)
def said():
    out = io.StringIO()
    log.configure(stream=out)
    yield out
    structlog.reset_defaults()


def settings(*urls: str, **more) -> Alerts:
    return Alerts.model_validate({"routes": [{"urls": list(urls)}], **more}, strict=False)


def test_what_was_sent_is_not_sent_again_after_a_restart(tmp_path: Path) -> None:
    store, service = open_store(f"sqlite:///{tmp_path}/store.db"), Service()
    made = routes(settings("json://receiver.test"))
    assert Alerting(MX, made, service).tell(incidents(), at(60.0), store) == 2  # the journal is told too
    assert Alerting(MX, made, service).tell(incidents(), at(70.0), store) == 0
    assert len(service.taken) == 1


def test_what_was_not_taken_is_sent_once_the_service_is_back(tmp_path: Path, said: io.StringIO) -> None:
    store, service = open_store(f"sqlite:///{tmp_path}/store.db"), Service()
    alerting = Alerting(MX, routes(settings(f"json://u:{SECRET}@receiver.test")), service)
    service.away = True
    alerting.tell(incidents(), at(60.0), store)
    alerting.tell(incidents(), at(61.0), store)
    service.away = False
    alerting.tell(incidents(), at(62.0), store)
    assert service.taken == []  # it was tried a moment ago
    alerting.tell(incidents(), at(121.0), store)
    assert len(service.taken) == 1
    events = [json.loads(line)["event"] for line in said.getvalue().splitlines()]
    assert events == ["alert.raised", "alert.failed", "alert.sent"]
    assert SECRET not in said.getvalue()


def test_one_target_that_is_away_makes_no_other_hear_twice(tmp_path: Path) -> None:
    service = Service()

    def deliver(target: Target, alert: Alert) -> None:
        if "away" in target.url:
            raise Undelivered("away")
        service(target, alert)

    alerting = Alerting(MX, routes(settings("json://away.test", "json://here.test")), deliver)
    for second in (60.0, 130.0, 200.0):
        alerting.tell(incidents(), at(second))
    assert len(service.taken) == 1


def test_without_a_store_nothing_is_told_twice_in_one_life_and_it_is_remembered_once_it_is_back(tmp_path: Path) -> None:
    service = Service()
    alerting = Alerting(MX, routes(settings("json://receiver.test")), service)
    alerting.tell(incidents(), at(60.0))
    alerting.tell(incidents(), at(70.0))
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    alerting.tell(incidents(), at(80.0), store)
    assert len(service.taken) == 1
    assert {route for _, route in store.told(MX)} == {"journal", alerting.routes[1].id}


def test_urls_come_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text("# who is on call\njson://a.test\n\njson://b.test\n")
    made = routes(Alerts.model_validate({"routes": [{"url_files": [str(file)]}]}, strict=False))
    assert [route.target.url for route in made if route.target] == ["json://a.test", "json://b.test"]


def test_what_waits_for_its_group_is_looked_after_until_it_is_told() -> None:
    alerting = Alerting(MX, routes(settings("json://receiver.test")), Service())
    assert not alerting.waits((), at(0.0))
    assert alerting.tell(incidents(), at(1.0)) == 0
    assert alerting.waits(incidents(), at(1.0))
    assert alerting.tell(incidents(), at(30.0)) == 2
    assert not alerting.waits(incidents(), at(30.0))
