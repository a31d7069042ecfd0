"""Alerts of one instance: what is due, sent to where it goes, and remembered so that a restart tells nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import timedelta

from reconciler import log
from reconciler.frozen import dataclass, replace
from reconciler.incident.alerts import Known, after, due
from reconciler.loop.routes import Route
from reconciler.model.alert import Alert
from reconciler.model.incident import Incident, Severity
from reconciler.model.moment import Moment
from reconciler.model.told import Told
from reconciler.notify.send import Target, Undelivered, send
from reconciler.record.connection import StoreUnavailable
from reconciler.record.store import Store, Whose
from reconciler.report import alerts

_AT_ONCE = timedelta(0)
RETRY_S = 60.0  # between two attempts at one target
_LEVELS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


@dataclass(slots=True)
class Alerting:
    """`told` is what was told, by route and key; where the store is away it is what this process knows of it."""

    whose: Whose
    routes: tuple[Route, ...]
    deliver: Callable[[Target, Alert], None] = send
    delivered: str = "alert.sent"  # what is said then
    told: dict[tuple[str, str], Told] = field(default_factory=dict)
    _unsaved: dict[tuple[str, str], Told] = field(default_factory=dict)
    _loaded: bool = False
    _tried: dict[str, Moment] = field(default_factory=dict)

    def tell(self, incidents: Iterable[Incident], now: Moment, store: Store | None = None) -> int:
        """Send what is due; gives how many messages went out. What was not taken is tried again, and logged.

        Nothing is raised for a store that is away.
        """
        self._recall(store)
        known, sent = Known(self.whose.host, self.whose.instance, tuple(incidents)), 0
        for route in self.routes:
            told = self._told(route)
            for alert in due(known, told, route.policy, now):
                if self._deliver(route, alert, now):
                    self._remember(route, after(alert, told, now), store)
                    sent += 1
        return sent

    def waits(self, incidents: Iterable[Incident], now: Moment) -> bool:
        """Whether something is to be said soon: it only waits for others of its group, or for a target."""
        known = Known(self.whose.host, self.whose.instance, tuple(incidents))
        return any(
            due(known, self._told(route), replace(route.policy, group_wait=_AT_ONCE), now) for route in self.routes
        )

    def _told(self, route: Route) -> dict[str, Told]:
        return {key: it for (key, where), it in self.told.items() if where == route.id}

    def _deliver(self, route: Route, alert: Alert, now: Moment) -> bool:
        facts = alerts.facts(alert)
        if route.target is None:
            getattr(log.get(), _LEVELS[alert.severity])("alert.raised", instance=self.whose.instance, **facts)
            return True
        tried = self._tried.get(route.id)
        if tried is not None and now.since(tried.boot, tried.uptime_s) < RETRY_S:
            return False
        try:
            self.deliver(route.target, alert)
        except Undelivered as error:
            self._tried[route.id] = now
            log.get().error("alert.failed", target=route.target.label, why=str(error), group=facts["group"])
            return False
        self._tried.pop(route.id, None)
        log.get().info(self.delivered, target=route.target.label, group=facts["group"], severity=alert.severity.value)
        return True

    def _remember(self, route: Route, told: Mapping[str, Told], store: Store | None) -> None:
        """At once: what was sent and not remembered is sent again."""
        fresh = {(key, route.id): it for key, it in told.items()}
        self.told |= fresh
        self._unsaved |= fresh
        self._save(store)

    def _save(self, store: Store | None) -> None:
        if store is None or not self._unsaved:
            return
        try:
            store.tell(self.whose, self._unsaved)
            self._unsaved = {}
        except StoreUnavailable as error:
            log.get().warning("store.unavailable", why=str(error))

    def _recall(self, store: Store | None) -> None:
        if store is not None and not self._loaded:
            try:
                self.told = {**store.told(self.whose), **self.told}
                self._loaded = True
            except StoreUnavailable as error:
                log.get().warning("store.unavailable", why=str(error))
        self._save(store)
