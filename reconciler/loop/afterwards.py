"""What follows a look of the agent: events into the store, alerts, numbers. None of it can keep a host from healing.

What fails here is logged and tried again after the next look; the outbox keeps what the store has not.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import log
from reconciler.errors import ReconcilerError
from reconciler.host import clock
from reconciler.loop import passed
from reconciler.loop.alerting import Alerting
from reconciler.loop.passed import Passed
from reconciler.loop.place import Where
from reconciler.loop.standing import standing
from reconciler.model.incident import Incident
from reconciler.model.moment import Moment
from reconciler.record.connection import StoreUnavailable
from reconciler.record.outbox import Outbox
from reconciler.record.recorder import Recorder
from reconciler.record.store import Store, Whose, open_store
from reconciler.record.take_in import take_in
from reconciler.web.metrics import Metrics, MetricsFailed

if TYPE_CHECKING:
    from reconciler.loop.publisher import Publisher

_APPLIED = "Applied"  # the word of a pass that changed something
_COUNT_EVERY_S = 300.0  # numbers, where nothing happens
_RETRIES_S = (4.0, 8.0, 16.0, 30.0)  # of a store that is away; the last for good
_WAITING_S = 1.0
_EXPIRE_EVERY_S = 86400.0


@dataclass(slots=True)
class Afterwards:
    """Of one instance. `store_url` is SQLAlchemy's; `textfile` is empty where the numbers are served by HTTP."""

    where: Where
    directory: Path  # of the instance, in the state directory
    whose: Whose
    store_url: str
    retention: timedelta
    alerting: Alerting
    metrics: Metrics
    freeze_file: str = ""
    textfile: str = ""
    publisher: Publisher | None = None
    _store: Store | None = None
    _away_since: Moment | None = None
    _failed: int = 0  # attempts since it was there
    _counted: Moment | None = None
    _expired: Moment | None = None
    _taken: int = 0  # bytes of the outbox when it was last taken in
    _incidents: tuple[Incident, ...] = ()
    _waiting: bool = False  # an alert will be due before long
    _changed: bool = False  # since the snapshot was published

    def pass_ended(self, came: Passed, duration_s: float, *, through: bool) -> None:
        """A pass came through, or failed with the reason that is its result."""
        now = clock.now()
        at = now.at if through else None
        self.metrics.passed(self.whose.host, self.whose.instance, came.result, duration_s, at=at)
        with suppress(OSError):  # it is only shown
            passed.remember(self.directory, came)
        self._counted = None
        self._changed |= came.result == _APPLIED

    def look_ended(self) -> None:
        """After every look, also one that found nothing: alerts may be due. Where nothing happened it costs next to
        nothing.
        """
        now = clock.now()
        outbox = Outbox(self.directory / "events.jsonl")
        if outbox.size != self._taken:
            self._incidents = tuple(Recorder(self.directory).incidents.values())
            store = self._opened(now)
            if store is not None and self._take_in(store, outbox, now):
                self._taken = outbox.size
        if self._incidents:
            self.alerting.tell(self._incidents, now, self._store)
            self._waiting = self.alerting.waits(self._incidents, now)
        self._count(now)
        if self.publisher is not None and self.publisher.look_ended(now, changed=self._changed):
            self._changed = False

    def patience_s(self) -> float:
        """For how long it may be left alone."""
        return _WAITING_S if self._waiting else math.inf

    def _opened(self, now: Moment) -> Store | None:
        away = self._away_since
        pause = _RETRIES_S[min(self._failed, len(_RETRIES_S)) - 1]
        if self._store is None and (away is None or now.since(away.boot, away.uptime_s) >= pause):
            try:
                self._store = open_store(self.store_url)
            except StoreUnavailable as error:
                self._away(error, now)
        return self._store

    def _take_in(self, store: Store, outbox: Outbox, now: Moment) -> bool:
        try:
            take_in(store, outbox, self.whose)
            if self._expired is None or now.since(self._expired.boot, self._expired.uptime_s) >= _EXPIRE_EVERY_S:
                store.expire(self.whose, self.retention, now)
                self._expired = now
            self._away_since, self._failed = None, 0
        except StoreUnavailable as error:
            self._store = None
            self._away(error, now)
            return False
        return True

    def _away(self, error: StoreUnavailable, now: Moment) -> None:
        if self._away_since is None:
            log.get(instance=self.whose.instance).warning("store.unavailable", why=str(error))
        self._away_since = now
        self._failed += 1

    def _count(self, now: Moment) -> None:
        if self._counted is not None and now.since(self._counted.boot, self._counted.uptime_s) < _COUNT_EVERY_S:
            return
        self._counted = now
        try:
            self.metrics.update(standing(self.where, self.freeze_file))
            if self.textfile:
                self.metrics.write(self.textfile)
        except (ReconcilerError, MetricsFailed) as error:
            log.get(instance=self.whose.instance).warning("metrics.failed", why=str(error))
