"""What one look shows, as the recorder takes it: with what Postfix has read, and what an audit trail says."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler import live
from reconciler.host import audit_trail, clock, files
from reconciler.incident.drift import Scene
from reconciler.loop.look import Sight
from reconciler.model.plan import Plan
from reconciler.model.proof import Proof
from reconciler.probe import reload

_TICKS = os.sysconf("SC_CLK_TCK")  # a second


def scene(sight: Sight, plan: Plan, proofs: tuple[Proof, ...] = (), *, expected_running: bool = True) -> Scene:
    """The scene of one look. `expected_running` is False where Postfix was stopped on purpose."""
    reading, read_at = _reading(sight.live.snapshot.master_pid)
    drifting = [path for path in sight.live.snapshot.files if plan.drift or plan.observed]
    return Scene(
        plan,
        sight.live,
        proofs,
        reading=reading,
        read_at=read_at,
        expected_running=expected_running,
        audit=audit_trail.writers(drifting),
    )


def afterwards(sight: Sight, plan: Plan) -> Scene:
    """The scene after an apply: the files as they are now, and what Postfix has read since."""
    standing = ((path, files.read(path)) for path in (*sight.live.snapshot.files, *(it.path for it in plan.edits)))
    read = {path: state for path, state in standing if state is not None}
    config = live.read(replace(sight.live.snapshot, files=read))
    reading, read_at = _reading(sight.live.snapshot.master_pid)
    return Scene(plan, config, reading=reading, read_at=read_at)


def _reading(master_pid: int | None) -> tuple[str, str]:
    """Which reading of its files Postfix runs on, and when it was: pickup and qmgr are other ones after each."""
    if master_pid is None:
        return "", ""
    children = reload.children(master_pid)
    queue = reload.queue_processes(children)
    started = [child.started for child in children if child.pid in queue]
    if not started:
        return "", ""
    now = clock.now()
    at = datetime.now(UTC) - timedelta(seconds=now.uptime_s - min(started) / _TICKS)
    return f"{now.boot}:{master_pid}:{'+'.join(map(str, sorted(queue)))}", at.isoformat(timespec="seconds")
