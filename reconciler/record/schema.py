"""The tables of the store. How they came to be is told by reconciler/record/migrations; a test holds both together."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()
HEAD = "0001"  # the newest version in reconciler/record/migrations; a test holds them together


def _instance() -> tuple[Column[str], Column[str]]:
    return Column("host", String(255), primary_key=True), Column("instance", String(255), primary_key=True)


# How far the outbox of each instance was taken in, and how long it has lived: the uptimes of its boots, added up.
POSITIONS = Table(
    "positions",
    METADATA,
    *_instance(),
    Column("outbox", String(64), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("boot", String(64), nullable=False),
    Column("uptime_s", Float, nullable=False),
    Column("lived_s", Float, nullable=False),
)

EVENTS = Table(
    "events",
    METADATA,
    *_instance(),
    Column("outbox", String(64), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("at", String(40), nullable=False),
    Column("boot", String(64), nullable=False),
    Column("uptime_s", Float, nullable=False),
    Column("lived_s", Float, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    Index("events_lived", "host", "instance", "lived_s"),
)

# `body` is the incident as JSON; what stands beside it is there to be searched. `latest` is the last one of its key.
INCIDENTS = Table(
    "incidents",
    METADATA,
    *_instance(),
    Column("outbox", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("first_seen", String(40), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("lived_s", Float, nullable=False),  # when it was last heard of
    Column("body", Text, nullable=False),
    Index("incidents_latest", "host", "instance", "latest"),
)

# What was told to whom, so that a restart tells nothing twice. `body` is a Told as JSON.
TOLD = Table(
    "told",
    METADATA,
    *_instance(),
    Column("key", Text, primary_key=True),
    Column("route", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)
