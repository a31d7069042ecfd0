"""Events, incidents, positions, and what was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "positions",
        *_instance(),
        sa.Column("outbox", sa.String(64), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("uptime_s", sa.Float, nullable=False),
        sa.Column("lived_s", sa.Float, nullable=False),
    )
    op.create_table(
        "events",
        *_instance(),
        sa.Column("outbox", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("uptime_s", sa.Float, nullable=False),
        sa.Column("lived_s", sa.Float, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("events_lived", "events", ["host", "instance", "lived_s"])
    op.create_table(
        "incidents",
        *_instance(),
        sa.Column("outbox", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("first_seen", sa.String(40), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("latest", sa.Boolean, nullable=False),
        sa.Column("lived_s", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("incidents_latest", "incidents", ["host", "instance", "latest"])
    op.create_table(
        "told",
        *_instance(),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("route", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )


def _instance() -> tuple[sa.Column[str], sa.Column[str]]:
    return sa.Column("host", sa.String(255), primary_key=True), sa.Column("instance", sa.String(255), primary_key=True)


def downgrade() -> None:
    for table in ("told", "incidents", "events", "positions"):
        op.drop_table(table)
