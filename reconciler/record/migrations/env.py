"""Run by alembic, inside the transaction and on the connection that the store hands over."""

from __future__ import annotations

from alembic import context

from reconciler.record.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
