"""One module a version, found by alembic; each names the one before it."""
