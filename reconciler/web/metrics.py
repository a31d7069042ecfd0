"""Numbers for Prometheus: how instances stand, and what passes took. By loopback HTTP, or for the node exporter.

Every name is in NAMES; the reference, the rules and the dashboard are held against it by a test.
"""

from __future__ import annotations

import errno
import os
from collections import Counter as Count
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server

from reconciler.errors import MachineFailed, ReconcilerError
from reconciler.model.drift import Kind
from reconciler.model.standing import Health, Standing

PREFIX = "postfix_tls_reconciler_"
_OWN = ("host", "instance")
_PRIMARY = "postfix"  # multi_instance_name of most hosts' only one, or its directory
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # s

# name → what it says, and its labels beside host and instance
NAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "reconcile_duration_seconds": ("How long passes took.", ()),
    "reconcile_total": ("Passes, by the word for what came of them.", ("result",)),
    "info": ("1; the labels say how the instance stands.", ("sync", "health", "suspended")),
    "last_success_timestamp_seconds": ("When a pass last came through: the dead man's switch.", ()),
    "last_apply_timestamp_seconds": ("When something was last changed.", ()),
    "drift_incidents": ("Open incidents, by what they are about.", ("kind",)),
    "fights": ("Open incidents in which somebody keeps changing it back.", ()),
    "certificate_not_after_timestamp_seconds": ("When a served certificate ends.", ("path",)),
    "postfix_up": ("Whether Postfix runs.", ()),
    "outbox_bytes": ("Events that wait for the store, in bytes of their file.", ()),
}


def own_file(path: str, instance: str) -> str:
    """The text file of one instance of several; only the one that is called postfix has the plain name."""
    if not path or instance == _PRIMARY:
        return path
    return str(Path(path).with_suffix(f".{instance}.prom"))


class MetricsFailed(ReconcilerError):
    """The numbers cannot be served or written; nothing else depends on them."""

    reason = "MetricsFailed"
    retry_helps = True


class Metrics:
    """The numbers of one process, which may serve several instances."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        name = "reconcile_duration_seconds"
        says, labels = NAMES[name]
        self._duration = Histogram(PREFIX + name, says, (*_OWN, *labels), registry=self.registry, buckets=_BUCKETS)
        says, labels = NAMES["reconcile_total"]
        self._passes = Counter(f"{PREFIX}reconcile_total", says, (*_OWN, *labels), registry=self.registry)
        others = {name: what for name, what in NAMES.items() if not name.startswith("reconcile_")}
        self._gauges = {
            name: Gauge(PREFIX + name, says, (*_OWN, *labels), registry=self.registry)
            for name, (says, labels) in others.items()
        }

    def passed(self, host: str, instance: str, result: str, duration_s: float, *, at: datetime | None = None) -> None:
        """A pass ended; `at` is when, where it came through."""
        self._duration.labels(host, instance).observe(duration_s)
        self._passes.labels(host, instance, result).inc()
        if at is not None:
            self._gauges["last_success_timestamp_seconds"].labels(host, instance).set(at.timestamp())

    def update(self, standing: Standing) -> None:
        """How an instance stands now; what it no longer has is no longer counted."""
        own = (standing.host, standing.instance)
        for name in ("info", "drift_incidents", "certificate_not_after_timestamp_seconds"):
            self._gauges[name].remove_by_labels(dict(zip(_OWN, own, strict=True)))
        suspended = "true" if standing.health is Health.SUSPENDED or standing.paused or standing.frozen else "false"
        self._gauges["info"].labels(*own, standing.sync.value, standing.health.value, suspended).set(1)
        counted = Count(incident.kind for incident in standing.incidents)
        for kind in Kind:
            self._gauges["drift_incidents"].labels(*own, kind.value).set(counted[kind])
        self._gauges["fights"].labels(*own).set(sum(1 for incident in standing.incidents if incident.fighting))
        for certificate in standing.certificates:
            ends = certificate.not_after.timestamp()
            self._gauges["certificate_not_after_timestamp_seconds"].labels(*own, certificate.path).set(ends)
        if standing.running is not None:
            self._gauges["postfix_up"].labels(*own).set(standing.running)
        self._gauges["outbox_bytes"].labels(*own).set(standing.waiting)
        for name, at in (
            ("last_apply_timestamp_seconds", standing.last_apply),
            ("last_success_timestamp_seconds", standing.last_look),
        ):
            if at:
                self._gauges[name].labels(*own).set(datetime.fromisoformat(at).timestamp())

    def text(self) -> bytes:
        """In Prometheus' exposition format."""
        return generate_latest(self.registry)

    def serve(self, address: str, port: int) -> int:
        """Answer on this address until the process ends; gives the port, which may be asked for as 0.

        Raises MetricsFailed.
        """
        try:
            server, _ = start_http_server(port, addr=address, registry=self.registry)
        except OSError as error:
            why = f"{error.strerror or error}"
            if error.errno == errno.EADDRINUSE:
                why += f" (`ss -ltnp sport = :{port}` says by whom); set another metrics.listen for this agent"
            raise MetricsFailed(f"metrics.listen: {address}:{port}: {why}") from error
        return int(server.server_port)

    def write(self, path: str) -> None:
        """Replace the file, whole or not at all, readable by the node exporter.

        Raises MetricsFailed.
        """
        target = Path(path)
        staged = target.with_name(f".{target.name}.new")
        try:
            staged.unlink(missing_ok=True)
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o644)
                file.write(self.text())
            staged.replace(target)
        except OSError as error:
            raise MetricsFailed(str(MachineFailed(error))) from error
