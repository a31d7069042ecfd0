"""The agent with a time of day that somebody moves: days from a file are added to it. The uptime stays the true one."""

from __future__ import annotations

import os
import runpy
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.host import clock
from reconciler.model.moment import Moment

_OFFSET = Path(os.environ["SOAK_CLOCK"])
_true = clock.now


def moved() -> Moment:
    """This moment, by a clock that is wrong by as many days as the file says."""
    moment = _true()
    days = int(_OFFSET.read_text() or "0") if _OFFSET.exists() else 0
    return replace(moment, at=moment.at + timedelta(days=days))


clock.now = moved
sys.argv[0] = "reconciler"
runpy.run_module("reconciler", run_name="__main__", alter_sys=True)
