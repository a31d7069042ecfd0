"""The store: events, incidents and what was told, kept for as long as the settings say.

Taking in is idempotent: the position in the outbox moves in the same transaction in which its events are written and
their incidents folded. Nothing is ordered or thrown away by the date of an event: each has the age of its instance, the
uptimes of its boots added up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    and_,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from reconciler.frozen import dataclass
from reconciler.incident import machine
from reconciler.model import codec
from reconciler.model.event import Event
from reconciler.model.incident import Incident
from reconciler.model.moment import Moment
from reconciler.model.told import Told
from reconciler.record import connection as connections
from reconciler.record.connection import StoreUnavailable
from reconciler.record.schema import EVENTS, HEAD, INCIDENTS, POSITIONS, TOLD
from reconciler.report.masking import masked

BATCH = 500  # events a transaction
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))  # alembic's own


@dataclass(frozen=True, slots=True)
class Whose:
    """One instance of one host."""

    host: str
    instance: str


@dataclass(frozen=True, slots=True)
class Position:
    """The last event taken in, and the age of the instance then."""

    outbox: str = ""
    sequence: int = 0
    boot: str = ""
    uptime_s: float = 0.0
    lived_s: float = 0.0

    def after(self, event: Event) -> Position:
        since = event.uptime_s - self.uptime_s if event.boot == self.boot else event.uptime_s
        return Position(event.outbox, event.sequence, event.boot, event.uptime_s, self.lived_s + max(0.0, since))


@dataclass(frozen=True, slots=True)
class Store:
    """An open store with the current schema."""

    engine: Engine

    def position(self, whose: Whose) -> Position:
        """Raises StoreUnavailable."""
        with self._transaction() as connection:
            return _position(connection, whose)

    def take_in(self, whose: Whose, events: Sequence[Event]) -> int:
        """Take in events of one outbox in their order, but for those that were before; gives how many were new.

        Raises StoreUnavailable; then none of them was taken in.
        """
        with self._transaction() as connection:
            position = _position(connection, whose)
            fresh = [it for it in events if it.outbox != position.outbox or it.sequence > position.sequence]
            if not fresh:
                return 0
            latest = _latest(connection, whose)
            for event in fresh:
                position = position.after(event)
                connection.execute(insert(EVENTS).values(**_row(whose, event, position)))
            for incident in _changed(latest, machine.fold(latest, fresh)):
                _keep(connection, whose, incident, position)
            _move(connection, whose, position)
        return len(fresh)

    def incidents(self, whose: Whose | None = None, *, latest: bool = False) -> list[tuple[Whose, Incident]]:
        """The incidents of one instance or of all, oldest first; with `latest` only the last of each key.

        Raises StoreUnavailable.
        """
        wanted = select(INCIDENTS.c.host, INCIDENTS.c.instance, INCIDENTS.c.body)
        wanted = wanted.where(_of(INCIDENTS, whose)) if whose else wanted
        wanted = wanted.where(INCIDENTS.c.latest) if latest else wanted
        order = (INCIDENTS.c.host, INCIDENTS.c.instance, INCIDENTS.c.lived_s, INCIDENTS.c.number)
        with self._transaction() as connection:
            rows = connection.execute(wanted.order_by(*order)).all()
        return [(Whose(host, instance), _incident(body)) for host, instance, body in rows]

    def events(self, whose: Whose, after: int = 0) -> list[Event]:
        """The events of an instance, in the order in which they happened. Raises StoreUnavailable."""
        with self._transaction() as connection:
            wanted = select(EVENTS).where(_of(EVENTS, whose), EVENTS.c.sequence > after)
            rows = connection.execute(wanted.order_by(EVENTS.c.lived_s, EVENTS.c.sequence)).all()
        return [
            Event(it.outbox, it.sequence, it.name, it.at, it.boot, it.uptime_s, json.loads(it.facts)) for it in rows
        ]

    def told(self, whose: Whose) -> Mapping[tuple[str, str], Told]:
        """What was told of an instance, by key and route. Raises StoreUnavailable."""
        with self._transaction() as connection:
            rows = connection.execute(select(TOLD.c.key, TOLD.c.route, TOLD.c.body).where(_of(TOLD, whose))).all()
        return {(key, route): codec.decode(Told, json.loads(body)) for key, route, body in rows}

    def tell(self, whose: Whose, told: Mapping[tuple[str, str], Told]) -> None:
        """Remember what was told. Raises StoreUnavailable."""
        with self._transaction() as connection:
            for (key, route), what in told.items():
                connection.execute(delete(TOLD).where(_of(TOLD, whose), TOLD.c.key == key, TOLD.c.route == route))
                about = {"host": whose.host, "instance": whose.instance, "key": key, "route": route}
                connection.execute(insert(TOLD).values(**about, body=json.dumps(codec.encode(what))))

    def expire(self, whose: Whose, retention: timedelta, now: Moment) -> int:
        """Throw away what is older than `retention` by the age of its instance, open incidents excepted. Gives how many
        events went. Raises StoreUnavailable.
        """
        with self._transaction() as connection:
            position = _position(connection, whose)
            age = position.lived_s + (now.since(position.boot, position.uptime_s) if position.boot else 0.0)
            before = age - retention.total_seconds()
            gone = connection.execute(delete(EVENTS).where(_of(EVENTS, whose), EVENTS.c.lived_s < before))
            closed = and_(~INCIDENTS.c.is_open, INCIDENTS.c.lived_s < before)
            connection.execute(delete(INCIDENTS).where(_of(INCIDENTS, whose), closed))
        return gone.rowcount

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _typed(), self.engine.begin() as connection:
            yield connection


def open_store(url: str) -> Store:
    """The store at a URL of SQLAlchemy's, brought to the current schema.

    Raises StoreUnavailable.
    """
    engine = connections.engine(url)
    with _typed(), engine.begin() as connection:
        _migrate(connection)
    return Store(engine)


def _migrate(connection: Connection) -> None:
    """To the current schema; alembic, which costs 60 ms and 12 MB, is loaded where that takes a step."""
    there = inspect(connection).has_table(_VERSION.name)
    if there and connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none() == HEAD:
        return
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(files("reconciler.record") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        why = str(getattr(error, "orig", None) or type(error).__name__)
        raise StoreUnavailable(f"store: {masked(why)}") from None


def _of(table: Table, whose: Whose) -> ColumnElement[bool]:
    return and_(table.c.host == whose.host, table.c.instance == whose.instance)


def _position(connection: Connection, whose: Whose) -> Position:
    wanted = select(POSITIONS).where(_of(POSITIONS, whose)).with_for_update()
    row = connection.execute(wanted).first()
    return Position(row.outbox, row.sequence, row.boot, row.uptime_s, row.lived_s) if row else Position()


def _move(connection: Connection, whose: Whose, to: Position) -> None:
    values = {
        "outbox": to.outbox,
        "sequence": to.sequence,
        "boot": to.boot,
        "uptime_s": to.uptime_s,
        "lived_s": to.lived_s,
    }
    if not connection.execute(update(POSITIONS).where(_of(POSITIONS, whose)).values(**values)).rowcount:
        connection.execute(insert(POSITIONS).values(host=whose.host, instance=whose.instance, **values))


def _latest(connection: Connection, whose: Whose) -> dict[str, Incident]:
    wanted = select(INCIDENTS.c.body).where(_of(INCIDENTS, whose), INCIDENTS.c.latest)
    return {it.key: it for (body,) in connection.execute(wanted).all() for it in (_incident(body),)}


def _changed(before: Mapping[str, Incident], after: Mapping[str, Incident]) -> Iterable[Incident]:
    return [incident for key, incident in after.items() if before.get(key) != incident]


def _keep(connection: Connection, whose: Whose, incident: Incident, position: Position) -> None:
    of_key = and_(_of(INCIDENTS, whose), INCIDENTS.c.key == incident.key)
    this = and_(INCIDENTS.c.outbox == incident.outbox, INCIDENTS.c.number == incident.number)
    connection.execute(delete(INCIDENTS).where(of_key, this))
    connection.execute(update(INCIDENTS).where(of_key).values(latest=False))
    connection.execute(
        insert(INCIDENTS).values(
            host=whose.host,
            instance=whose.instance,
            outbox=incident.outbox,
            number=incident.number,
            key=incident.key,
            kind=incident.kind.value,
            first_seen=incident.first_seen,
            is_open=incident.is_open,
            latest=True,
            lived_s=position.lived_s,
            body=json.dumps(codec.encode(incident)),
        )
    )


def _incident(body: str) -> Incident:
    incident: Incident = codec.decode(Incident, json.loads(body))
    return incident


def _row(whose: Whose, event: Event, position: Position) -> dict[str, object]:
    return {
        "host": whose.host,
        "instance": whose.instance,
        "outbox": event.outbox,
        "sequence": event.sequence,
        "name": event.name,
        "at": event.at,
        "boot": event.boot,
        "uptime_s": event.uptime_s,
        "lived_s": position.lived_s,
        "facts": json.dumps(dict(event.facts)),
    }
