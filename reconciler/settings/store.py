"""[store]: where events and incidents are kept."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from reconciler.settings.base import Section
from reconciler.settings.fields import Duration


class Store(Section):
    """Where events and incidents are kept."""

    url: SecretStr | None = Field(
        None, description="A URL as SQLAlchemy takes it. Default: SQLite, store.db in the state directory."
    )
    retention: Duration = Field(timedelta(days=400), description="How long they are kept.", ge=timedelta(days=1))
