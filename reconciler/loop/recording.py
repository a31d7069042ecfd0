"""What one look shows, as the recorder takes it: with what Postfix has read, and what an audit trail says."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler import live
from reconciler.frozen import replace
from reconciler.host import audit_trail, clock, files, service
from reconciler.incident.drift import Scene
from reconciler.loop.look import Sight
from reconciler.model.plan import Plan
from reconciler.probe import reload

_TICKS = os.sysconf("SC_CLK_TCK")  # a second


def scene(sight: Sight, plan: Plan, unit: str = "") -> Scene:
    """The scene of one look. `unit` is the systemd service that Postfix was last seen to run in, where it did."""
    pid = sight.live.snapshot.master_pid
    reading, read_at = _reading(pid)
    drifting = [path for path in sight.live.snapshot.files if plan.drift or plan.observed]
    return Scene(
        plan,
        sight.live,
        reading=reading,
        read_at=read_at,
        expected_running=pid is not None or not service.is_stopped_on_purpose(unit),
        audit=audit_trail.writers(drifting),
        mtimes={path: written for path in sight.live.snapshot.pems if (written := _written(path)) is not None},
    )


def _written(path: str) -> int | None:
    """In nanoseconds; None for what is no file, such as several that are read as one."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return None


def afterwards(sight: Sight, plan: Plan) -> Scene:
    """The scene after an apply: the files as they are now, and what Postfix has read since."""
    snapshot = sight.live.snapshot
    paths = (*snapshot.files, *(it.path for it in plan.edits))
    standing = ((path, files.read(path)) for path in paths if path not in snapshot.excerpts)
    read = {path: state for path, state in standing if state is not None}
    read |= {path: snapshot.files[path] for path in snapshot.excerpts}
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
