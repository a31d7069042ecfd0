from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from reconciler.incident.machine import history
from reconciler.model.event import Fact
from reconciler.model.moment import Moment
from reconciler.model.told import Told, Word
from reconciler.record import connection
from reconciler.record.connection import StoreUnavailable
from reconciler.record.outbox import Outbox
from reconciler.record.schema import HEAD, METADATA
from reconciler.record.store import Store, Whose, open_store
from reconciler.record.take_in import take_in

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MX = Whose("mx1.test", "postfix")
SECRET = "s3cret-in-url"


def at(uptime_s: float, boot: str = "b", years: int = 0) -> Moment:
    return Moment(NOW + timedelta(days=365 * years), boot, uptime_s)


def drift(live: str = "3", address: str = "main.cf/x") -> dict[str, Fact]:
    return {"kind": "parameter", "address": address, "written": "1", "live": live, "cause": "corrective"}


def ended(address: str = "main.cf/x") -> dict[str, Fact]:
    return {"kind": "parameter", "address": address, "resolution": "healed"}


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "state/postfix/events.jsonl")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/store.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.engine.dispose()


def sequences(store: Store) -> list[int]:
    return [event.sequence for event in store.events(MX)]


def test_events_go_from_the_outbox_into_the_store_each_once(outbox: Outbox, store: Store) -> None:
    outbox.append("drift.found", drift(), at(1))
    outbox.append("drift.resolved", ended(), at(2))
    assert take_in(store, outbox, MX) == 2
    assert take_in(store, outbox, MX) == 0
    outbox.append("apply.failed", {"why": "x"}, at(3))
    assert take_in(store, outbox, MX) == 1
    assert store.events(MX) == list(outbox.read())


def test_taking_in_what_was_taken_in_doubles_nothing(outbox: Outbox, store: Store) -> None:
    events = [outbox.append("drift.found", drift(str(n)), at(n)) for n in range(5)]
    assert store.take_in(MX, events[:3]) == 3
    assert store.take_in(MX, events) == 2
    assert sequences(store) == [1, 2, 3, 4, 5]
    assert [(it.count, it.live) for _, it in store.incidents(MX)] == [(5, "4")]


def test_the_incidents_of_the_store_are_those_that_the_events_tell_of(outbox: Outbox, store: Store) -> None:
    for n in range(20):
        address = f"main.cf/p{n % 3}"
        outbox.append("drift.found", drift(str(n), address), at(n * 700.0))
        if n % 2:
            outbox.append("drift.resolved", ended(address), at(n * 700.0 + 1))
    for event in outbox.read():  # one by one, as they come
        store.take_in(MX, [event])
    assert {it.number: it for _, it in store.incidents(MX)} == {it.number: it for it in history(outbox.read())}


def test_a_lost_outbox_begins_anew_and_its_numbers_are_not_taken_for_old_ones(outbox: Outbox, store: Store) -> None:
    for n in range(3):
        outbox.append("apply.failed", {"why": str(n)}, at(n))
    take_in(store, outbox, MX)
    outbox.path.unlink()
    outbox.append("apply.failed", {"why": "anew"}, at(9))
    assert take_in(store, outbox, MX) == 1
    assert [event.text("why") for event in store.events(MX)] == ["0", "1", "2", "anew"]


def test_a_grown_outbox_is_let_go_of_once_the_store_has_it(outbox: Outbox, store: Store) -> None:
    for n in range(3):
        outbox.append("apply.failed", {"why": str(n)}, at(n))
    take_in(store, outbox, MX, rotate_at=0)
    assert list(outbox.read()) == []
    outbox.append("apply.failed", {"why": "3"}, at(4))
    take_in(store, outbox, MX, rotate_at=0)
    assert sequences(store) == [1, 2, 3, 4]


def test_32_a_locked_store_loses_nothing_and_doubles_nothing(
    outbox: Outbox, store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.append("drift.found", drift(), at(1))
    monkeypatch.setattr(connection, "BUSY_S", 0.05)
    impatient = open_store(url)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreUnavailable, match="locked"):
            take_in(impatient, outbox, MX, rotate_at=0)
    finally:
        other.rollback()
        other.close()
    outbox.append("drift.resolved", ended(), at(2))
    assert take_in(impatient, outbox, MX, rotate_at=0) == 2
    assert sequences(store) == [1, 2]


def test_32_a_full_store_loses_nothing_and_doubles_nothing(outbox: Outbox, store: Store, url: str) -> None:
    for n in range(50):
        outbox.append("apply.failed", {"why": "x" * 2000}, at(n))
    with store.engine.begin() as held:
        pages = held.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = f"PRAGMA max_page_count={pages + 3}"
    small = replace(store, engine=_limited(url, limit))
    with pytest.raises(StoreUnavailable, match="full"):
        take_in(small, outbox, MX, rotate_at=0)
    assert sequences(store) == []
    assert take_in(store, outbox, MX, rotate_at=0) == 50
    assert sequences(store) == list(range(1, 51))


def _limited(url: str, pragma: str):
    from sqlalchemy import event

    engine = connection.engine(url)
    event.listen(engine, "connect", lambda made, _: made.execute(pragma).close())
    return engine


def test_32_a_store_that_is_away_is_said_and_events_wait(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "no-directory").write_text("")
    with pytest.raises(StoreUnavailable):
        open_store(f"sqlite:///{tmp_path}/no-directory/store.db")
    outbox.append("apply.failed", {"why": "waits"}, at(1))
    assert [event.text("why") for event in outbox.read()] == ["waits"]


@pytest.mark.parametrize(
    "url", [f"nonsense://u:{SECRET}@h/x", f"{SECRET}", f"postgresql+none://u:{SECRET}@127.0.0.1:1/x"]
)
def test_25_no_secret_of_the_url_is_in_an_error(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        open_store(url)
    assert SECRET not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__suppress_context__


def test_35_the_database_is_for_root_alone_whatever_the_umask(tmp_path: Path, outbox: Outbox) -> None:
    old = os.umask(0)
    try:
        outbox.append("apply.failed", {"why": "x"}, at(1))
        store = open_store(connection.default_url(f"{tmp_path}/own"))
        with store.engine.connect() as held:
            held.exec_driver_sql("SELECT 1")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "own").iterdir()}
    finally:
        os.umask(old)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700


def test_31_retention_goes_by_the_age_of_the_instance_and_not_by_the_clock(outbox: Outbox, store: Store) -> None:
    outbox.append("apply.failed", {"why": "old"}, at(0.0))
    outbox.append("apply.failed", {"why": "later"}, at(80_000.0, years=10))
    outbox.append("apply.failed", {"why": "after a reboot"}, at(30_000.0, "other", years=-10))
    take_in(store, outbox, MX)
    assert store.expire(MX, timedelta(days=2), at(30_000.0, "other", years=10)) == 0
    assert store.expire(MX, timedelta(days=1), at(30_000.0, "other")) == 1
    assert [event.text("why") for event in store.events(MX)] == ["later", "after a reboot"]


def test_an_open_incident_is_kept_however_old(outbox: Outbox, store: Store) -> None:
    outbox.append("drift.found", drift(), at(0.0))
    outbox.append("drift.found", drift(address="main.cf/y"), at(1.0))
    outbox.append("drift.resolved", ended("main.cf/y"), at(2.0))
    take_in(store, outbox, MX)
    store.expire(MX, timedelta(days=1), at(1e9))
    assert [it.subject for _, it in store.incidents(MX)] == ["main.cf/x"]


def test_hosts_share_a_store_and_stay_apart(outbox: Outbox, store: Store, tmp_path: Path) -> None:
    other = Outbox(tmp_path / "elsewhere/events.jsonl")
    outbox.append("drift.found", drift("mine"), at(1))
    other.append("drift.found", drift("theirs"), at(1))
    take_in(store, outbox, MX)
    take_in(store, other, Whose("mx2.test", "postfix"))
    assert [(whose.host, it.live) for whose, it in store.incidents()] == [("mx1.test", "mine"), ("mx2.test", "theirs")]


def test_what_was_told_is_remembered(store: Store) -> None:
    told = Told("o", 1, Word.OPENED, "warning", "b", 5.0)
    store.tell(MX, {("parameter/main.cf/x", "0"): told})
    later = replace(told, word=Word.RESOLVED)
    store.tell(MX, {("parameter/main.cf/x", "0"): later})
    assert store.told(MX) == {("parameter/main.cf/x", "0"): later}


def test_opening_again_keeps_what_is_there(outbox: Outbox, store: Store, url: str) -> None:
    outbox.append("apply.failed", {"why": "x"}, at(1))
    take_in(store, outbox, MX)
    assert sequences(open_store(url)) == [1]


def test_the_migrations_lead_to_the_tables_of_the_schema(store: Store) -> None:
    with store.engine.connect() as held:
        assert compare_metadata(MigrationContext.configure(held), METADATA) == []


def test_a_store_that_is_current_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    open_store(url)
    script = ScriptDirectory(str(files("reconciler.record") / "migrations"))
    assert script.get_current_head() == HEAD
    asked = "import sys; from reconciler.record.store import open_store; open_store(sys.argv[1])"
    argv = [sys.executable, "-c", f"{asked}; print('alembic' in sys.modules)", url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://ops:hunter2@db.example/x", "store.url: the driver MySQLdb is not installed beside this program; "),
        ("nothing", "store.url: no URL of a database; "),
        ("sqlite:////proc/none/store.db", "store: /proc/none"),
    ],
)
def test_what_is_wrong_with_a_store_is_said(url: str, told: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_store(url)
    assert str(caught.value).startswith(told)
