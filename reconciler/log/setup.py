"""How log events are written.

On a terminal: colour, for eyes. Everywhere else: one JSON object a line on standard error, as journald takes it, with
the priority in front (sd-daemon(3)) where systemd connected the stream to the journal.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from reconciler.model.event import EVENTS, Level

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
_NUMBER = {Level.DEBUG: 10, Level.INFO: 20, Level.WARNING: 30, Level.ERROR: 40}
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")  # of a URL: user, password, or a token alone


class UnknownEvent(LookupError):
    """A name that is not in the list: a fault of ours, found by the test that reads the code."""


def configure(level: Level = Level.INFO, stream: TextIO | None = None) -> None:
    """Set the log up for this process. Call it once, before the first event."""
    stream = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _listed,
            _without_credentials,
            *_rendering(stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBER[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def get(**context: object) -> FilteringBoundLogger:
    """A logger that says these facts with every event."""
    logger: FilteringBoundLogger = structlog.get_logger(**context)
    return logger


def _rendering(stream: TextIO) -> list[Callable[..., Any]]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))]
    plain: list[Callable[..., Any]] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [*plain, _with_priority] if os.environ.get("JOURNAL_STREAM") else plain


def _listed(_logger: object, _method: str, event: EventDict) -> EventDict:
    if event.get("event") not in EVENTS:
        raise UnknownEvent(f"{event.get('event')!r} is not in reconciler.model.event.EVENTS")
    return event


def _without_credentials(_logger: object, _method: str, event: EventDict) -> EventDict:
    """URLs are facts of many events; what stands before the host in them never is."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _CREDENTIALS.sub("***@", value)
    return event


def _with_priority(_logger: object, method: str, line: str) -> str:
    return f"<{_PRIORITY.get(method, 6)}>{line}"
