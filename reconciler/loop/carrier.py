"""The other end of the spool: alerts, statuses and snapshots, sent by the half of the agent that has the network.

It has the URLs and the tokens; what it finds in the spool says which of them, and never where else to go.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler import log
from reconciler.errors import ForgeBusy, ReconcilerError
from reconciler.loop.outgoing import ALERT, SNAPSHOT, STATUS
from reconciler.loop.statuses import publish_status
from reconciler.model import codec
from reconciler.model.alert import Alert
from reconciler.notify import spool
from reconciler.notify.send import Target, Undelivered, send
from reconciler.notify.spool import Parcel, ParcelDamaged
from reconciler.report import alerts
from reconciler.settings.forge import Forge
from reconciler.settings.publish import Publish

RETRY_S = 60.0  # between two attempts for one receiver
_OLDEST = timedelta(days=7)  # what could not be delivered by then is news to nobody


@dataclass
class Carrier:
    """`targets` are all that the settings name, by their id."""

    directory: str
    targets: Mapping[str, Target]
    publish: Publish
    forge: Forge
    deliver: Callable[[Target, Alert], None] = send
    _tried: dict[str, float] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        """Whether something is left to be tried again."""
        return next(spool.waiting(self.directory), None) is not None

    def carry(self, uptime_s: float) -> int:
        """Deliver what lies there; gives how much was delivered. What a receiver does not take now waits.

        Nothing is raised: none of it may keep a state from arriving.
        """
        done = 0
        for parcel in spool.waiting(self.directory):
            try:
                said = parcel.read()
                receiver = f"{said['kind']} {said.get('target', '')}"
                if uptime_s - self._tried.get(receiver, -RETRY_S) < RETRY_S:
                    continue
                if self._carried(said):
                    done += 1
                else:
                    self._tried[receiver] = uptime_s
                    if time.time() - parcel.modified_s < _OLDEST.total_seconds():
                        continue
                    self._refuse(parcel, f"could not be delivered in {_OLDEST.days} days")
            except (ParcelDamaged, KeyError, ValueError, TypeError) as error:
                self._refuse(parcel, str(error))
            parcel.take_away()
        return done

    def _carried(self, said: Mapping[str, Any]) -> bool:
        match said["kind"]:
            case str(kind) if kind == ALERT:
                return self._alerted(said)
            case str(kind) if kind == STATUS:
                return self._stated(said)
            case str(kind) if kind == SNAPSHOT:
                return self._published(said)
            case other:
                raise ParcelDamaged(f"{other!r} is no kind of parcel")

    def _alerted(self, said: Mapping[str, Any]) -> bool:
        target = self.targets.get(str(said["target"]))
        if target is None:
            raise ParcelDamaged("it is for a receiver that alerts.routes does not name any more")
        alert: Alert = codec.decode(Alert, said["alert"])
        group = alerts.facts(alert)["group"]
        try:
            self.deliver(target, alert)
        except Undelivered as error:
            log.get().error("alert.failed", target=target.label, why=str(error), group=group)
            return False
        log.get().info("alert.sent", target=target.label, group=group, severity=alert.severity.value)
        return True

    def _stated(self, said: Mapping[str, Any]) -> bool:
        from reconciler.notify.forge.status import Outcome  # noqa: PLC0415 - see publish_status

        outcome = Outcome(said["outcome"])
        try:
            publish_status(self.forge, str(said["commit"]), str(said["host"]), outcome, str(said["reason"]))
        except ForgeBusy as busy:
            log.get().warning("status.failed", why=str(busy), revision=str(said["commit"]))
            return False
        except ReconcilerError as refused:
            log.get().warning("status.failed", why=str(refused), revision=str(said["commit"]))
        return True

    def _published(self, said: Mapping[str, Any]) -> bool:
        from reconciler.loop import publisher  # noqa: PLC0415 - nothing else of the puller makes a plan

        content = base64.b64decode(str(said["content"]), validate=True)
        try:
            publisher.put(str(said["name"]), content, self.publish.target, self.publish.token_file)
        except (ReconcilerError, OSError) as error:
            log.get().warning("snapshot.failed", why=str(error))
            return False
        log.get().info("snapshot.published", bytes=len(content))
        return True

    def _refuse(self, parcel: Parcel, why: str) -> None:
        log.get().warning("parcel.refused", parcel=parcel.path.name, why=why)
