"""The log: structlog, as JSON for journald and in colour on a terminal, under the names of `reconciler.model.event`."""

from reconciler.log.setup import configure, get

__all__ = ["configure", "get"]
