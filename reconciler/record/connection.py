"""The engine of the store, by its URL: SQLite in a file of root's, or whatever SQLAlchemy speaks."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from reconciler.errors import MachineFailed, ReconcilerError, naming

BUSY_S = 2.0  # how long SQLite waits for another writer: whoever waits here heals nothing meanwhile


class StoreUnavailable(ReconcilerError):
    """The store cannot be used now; events wait in the outbox."""

    reason = "StoreUnavailable"
    retry_helps = True


def default_url(state_directory: str) -> str:
    return f"sqlite:///{state_directory}/store.db"


def engine(url: str) -> Engine:
    """An engine that keeps no connection: a store that comes back is used again, and nothing is held in between.

    Raises StoreUnavailable, without the URL: it may hold a password.
    """
    try:
        where = make_url(url)
        if where.get_backend_name() != "sqlite":
            return create_engine(where, poolclass=NullPool)
        with naming(where.database or ""):
            _prepare(Path(where.database or ""))
        made = create_engine(where, poolclass=NullPool, connect_args={"timeout": BUSY_S})
    except ModuleNotFoundError as absent:
        driver = f"the driver {absent.name} is not installed beside this program"
        raise StoreUnavailable(f"store.url: {driver}; install it, or name another with BACKEND+DRIVER://") from None
    except (ArgumentError, NoSuchModuleError):
        raise StoreUnavailable("store.url: no URL of a database; docs/reference/incidents.md tells its form") from None
    except OSError as error:
        raise StoreUnavailable(f"store: {MachineFailed(error)}") from error
    event.listen(made, "connect", _settle)
    event.listen(made, "begin", _begin)
    return made


def refuse(url: str) -> None:
    """Raises StoreUnavailable for a URL that can never be opened here. No server is asked, and no file is made."""
    if not url.startswith("sqlite"):
        engine(url)


def _prepare(path: Path) -> None:
    """SQLite gives its journals the mode of the database file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _settle(connection: sqlite3.Connection, _record: object) -> None:
    """Transactions are begun by us: the driver would begin them late, and as readers."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={int(BUSY_S * 1000)}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
