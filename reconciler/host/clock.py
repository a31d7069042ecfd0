"""The clocks of this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from reconciler.model.moment import Moment

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def now() -> Moment:
    """This moment; `boot` is empty where the kernel does not name it, and then all moments are of one boot."""
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return Moment(datetime.now(UTC), boot, time.clock_gettime(time.CLOCK_BOOTTIME))
