"""Proofs around a change: before it, and after it once master(8) has taken it in."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from reconciler import live as meaning
from reconciler.errors import HostUnreadable
from reconciler.frozen import replace
from reconciler.host import certificates, master
from reconciler.host.processes import until
from reconciler.live.config import LiveConfig
from reconciler.model.proof import Proof
from reconciler.model.snapshot import FileState
from reconciler.probe import log, reload
from reconciler.probe.log import Following
from reconciler.verify import judge, listeners
from reconciler.verify.service import regressions, service_proofs

_THROTTLED = "throttling"  # master(8): "bad command startup -- throttling"
_PATIENCE = timedelta(seconds=4)  # for one listener: five seconds after a bad change the old one shall be back
_RELOAD_SEEN = timedelta(seconds=10)  # 3 to 10 ms, measured; a host may be busy
_NUDGE = timedelta(seconds=1)  # after which, and how often, a master that does not seem to act is woken
_SETTLING = timedelta(seconds=0.5)  # before what failed is asked once more
_QUICK = timedelta(seconds=1)  # what fails later is not asked again


class Reading(Protocol):
    """What this asks of the machine."""

    def read(self, path: str) -> FileState | None:
        """The file as it is now; None where there is none."""


@dataclass
class AroundChange:
    """The proofs of one instance before and after a change. `live` is what it was before."""

    live: LiveConfig
    machine: Reading
    reload_patience: timedelta = _RELOAD_SEEN
    _before: tuple[Proof, ...] = ()
    _queue: frozenset[int] = field(default_factory=frozenset)
    _basis: object = None
    _reloaded: bool = False
    _log: Following | None = None

    def before(self) -> tuple[Proof, ...]:
        """Probe what is there."""
        pid = self._master()
        self._basis = _basis(self.live)
        self._log = self._followed()
        self._queue = self._queue_processes(pid) if pid else frozenset()
        self._before = service_proofs(self.live, patience=_PATIENCE)
        return self._before

    def resume(self, before: tuple[Proof, ...]) -> None:
        """Take these for the proofs before: they were made by a run that did not end, or before a restart."""
        self._before, self._basis = before, _basis(self.live)
        self._reloaded = False
        self._log = self._log or self._followed()

    def mark(self) -> None:
        """A reload follows, whatever was changed: `after` waits until it is seen."""
        pid = self._master()
        self._queue = self._queue_processes(pid) if pid else frozenset()
        self._reloaded = True

    def is_throttled(self) -> bool | None:
        """Whether master(8) has logged since `before` that it slows a failing service down; None where no log tells."""
        if self._log is None:
            return None
        with suppress(OSError):
            self._log.read()
        return any(_THROTTLED in line for line in self._log.lines)

    def _followed(self) -> Following | None:
        path = log.find(self.live.view)
        with suppress(OSError):
            return Following(path) if path else None
        return None

    def after(self) -> tuple[Proof, ...]:
        """Probe what shall be there now, once the reload is seen; what fails at once is asked once more."""
        name, subject, expected = "postfix-running", self.live.snapshot.config_directory, "master(8) serves the change"
        try:
            now = self._look_again()
        except HostUnreadable as error:
            return (judge.failed(name, subject, expected, "; ".join(str(error).split("\n"))),)
        if (self._reloaded or _basis(now) != self._basis) and not self._reload_is_seen():
            late = f"the reload was not taken in within {self.reload_patience.total_seconds():g} s"
            return (judge.failed(name, subject, expected, late),)
        started = time.monotonic()
        proofs = service_proofs(now, patience=_PATIENCE)
        is_quick = time.monotonic() - started < _QUICK.total_seconds()
        if self._master() is None or not is_quick or not regressions(self._before, proofs):
            return proofs
        time.sleep(_SETTLING.total_seconds())  # once: each session with a broken smtpd is a notice to the postmaster
        return service_proofs(now, patience=_PATIENCE - _QUICK - _SETTLING)

    def regressions(self, before: Iterable[Proof], after: Iterable[Proof]) -> tuple[Proof, ...]:
        """What fails after the change and did not before it."""
        return regressions(before, after)

    def _master(self) -> int | None:
        return master.pid(self.live.view.get("queue_directory"), self.live.snapshot.config_directory)

    def _queue_processes(self, pid: int) -> frozenset[int]:
        """By whose going a reload is seen. Where there are none for now they are woken, and waited for a moment."""
        found = reload.queue_processes(children := reload.children(pid))
        if found or not children:
            return found
        self._nudge(pid)
        now = (reload.queue_processes(reload.children(pid)) for _ in until(_NUDGE))
        return next((found for found in now if found), frozenset())

    def _nudge(self, pid: int) -> None:
        master.nudge(pid, self.live.view.get("queue_directory"))

    def _reload_is_seen(self) -> bool:
        """Wait for it; a master that died will not act on it, and the proofs say that it died."""
        nudged = time.monotonic()
        for _ in until(self.reload_patience):
            pid = self._master()
            if pid is None or reload.is_taken_in(self._queue, reload.children(pid)):
                return True
            if time.monotonic() - nudged >= _NUDGE.total_seconds():
                self._nudge(pid)
                nudged = time.monotonic()
        return False

    def _look_again(self) -> LiveConfig:
        """The configuration as it is now. Certificates are read when they are compared."""
        snapshot = self.live.snapshot
        own = (self.live.path("main.cf"), self.live.path("master.cf"))
        files = {path: state for path in own if (state := self.machine.read(path))}
        if len(files) < len(own):
            raise HostUnreadable(f"{snapshot.config_directory}: main.cf or master.cf is gone")
        return meaning.read(replace(snapshot, files={**snapshot.files, **files}, pems={}))


def _basis(config: LiveConfig) -> object:
    """Everything that takes a reload and that these proofs depend on."""
    own = (config.path("main.cf"), config.path("master.cf"))
    paths = {path for listener in listeners.of(config) for path in listener.chains}
    pems = {path: config.snapshot.pems.get(path) or certificates.read_pem(path) for path in paths}
    return (
        [config.snapshot.files[path].content for path in own],
        {path: pem.sha256 if pem else "" for path, pem in pems.items()},
    )
