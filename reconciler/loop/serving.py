"""What sessions are given, asked when it may have changed: not at every look, for each answer costs three handshakes.

Postfix reads a certificate when an smtpd starts, and keeps it for as long as that lives. So a file and what is served
in its place can differ although nothing in the record does. A reload mends that; one that does not is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.incident.drift import Scene
from reconciler.live.config import LiveConfig
from reconciler.model.address import FileAddress
from reconciler.model.moment import Moment
from reconciler.model.plan import Plan, Reason
from reconciler.model.presented import Presented, shown
from reconciler.verify import listeners
from reconciler.verify.presented import presented

_Stray = tuple[str, tuple[str, ...], str]  # listener, what its files hold, and one that was given instead
_Basis = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Serving:
    """Of one instance. `every_s` is after how long it is asked again where nothing changed."""

    every_s: float = 900.0
    _known: tuple[Presented, ...] = ()
    _basis: _Basis | None = None
    _asked_s: float = 0.0
    _reloaded: set[_Stray] = field(default_factory=set)

    def look(self, scene: Scene, now: Moment) -> tuple[Presented, ...]:
        """What is presented; what a certificate that the plan reloads anyway concerns is left out."""
        if scene.live.snapshot.master_pid is None:
            self._known, self._basis = (), None
            return ()
        basis = _basis(scene)
        is_open = any(it.others for it in self._known)
        if basis != self._basis or is_open or now.uptime_s - self._asked_s >= self.every_s:
            self._known, self._basis, self._asked_s = presented(scene.live), basis, now.uptime_s
        coming = _coming(scene.plan, scene.live)
        return tuple(it for it in self._known if not coming.intersection(it.paths))

    def unserved(self, seen: tuple[Presented, ...]) -> dict[str, str]:
        """The files that a reload may bring into service, by path, with what is given in their place."""
        differing = (it for it in seen if not self._reloaded.issuperset(_strays(it)))
        return {path: shown(it.others) for it in differing for path in it.paths}

    def reloaded(self) -> None:
        """Postfix was reloaded for what was seen last."""
        self._reloaded = {stray for it in self._known for stray in _strays(it)}


def _strays(it: Presented) -> Iterator[_Stray]:
    """Whether one of several smtpd gives the right one meanwhile changes nothing about the others."""
    return ((it.listener, it.held, other) for other in it.others)


def _basis(scene: Scene) -> _Basis:
    """What it depends on: which reading Postfix runs on, and what the files of its listeners hold."""
    paths = {path for listener in listeners.of(scene.live) for path in listener.chains}
    pems = scene.live.snapshot.pems
    return scene.reading, tuple((path, pems[path].sha256 if path in pems else "") for path in sorted(paths))


def _coming(plan: Plan, live: LiveConfig) -> frozenset[str]:
    """The files that this plan brings into service in any case."""
    return frozenset(
        live.path(change.address.path)
        for change in plan.changes
        if isinstance(change.address, FileAddress) and change.reason is not Reason.CERTIFICATE_NOT_SERVED
    )
