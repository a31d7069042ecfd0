"""One message to one URL, as Apprise understands it. URLs hold passwords: none leaves this module."""

from __future__ import annotations

import hashlib
import logging
import warnings
from dataclasses import field

from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass
from reconciler.model.alert import Alert
from reconciler.model.incident import Severity
from reconciler.report import alerts

_APP = "reconciler"


class Undelivered(ReconcilerError):
    """An alert was not taken; it is tried again."""

    reason = "AlertUndelivered"
    retry_helps = True


@dataclass(frozen=True, slots=True)
class Target:
    """Where alerts go. `id` is a digest of the URL, by which what was sent there is remembered."""

    url: str = field(repr=False)

    @property
    def id(self) -> str:
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """How to name it to people: its scheme, and its digest."""
        scheme, colon, _ = self.url.partition("://")
        return f"{scheme if colon and scheme.isalnum() else 'url'}:{self.id[:8]}"


def send(target: Target, alert: Alert) -> None:
    """Hand an alert to the service.

    Raises Undelivered, without the URL.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # apprise's plugins, as they are loaded
        _send(target, alert)


def _send(target: Target, alert: Alert) -> None:
    from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType  # noqa: PLC0415 - 300 ms

    kinds = {
        Severity.INFO: NotifyType.INFO,
        Severity.WARNING: NotifyType.WARNING,
        Severity.CRITICAL: NotifyType.FAILURE,
    }
    _silence()
    service = Apprise(asset=AppriseAsset(app_id=_APP, app_desc=_APP, app_url="", async_mode=False))
    try:
        if not service.add(target.url):
            raise Undelivered(f"{target.label}: not a URL that Apprise knows; see alerts.routes in the settings")
        taken = service.notify(
            title=alerts.subject(alert),
            body=alerts.body(alert),
            notify_type=NotifyType.SUCCESS if alert.is_recovery else kinds[alert.severity],
            body_format=NotifyFormat.TEXT,
        )
    except (OSError, TypeError, ValueError) as error:
        raise Undelivered(f"{target.label}: {type(error).__name__}") from None
    if not taken:
        raise Undelivered(f"{target.label}: the service did not take it")


def _silence() -> None:
    """Apprise logs for itself, and URLs with it."""
    logger = logging.getLogger("apprise")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
