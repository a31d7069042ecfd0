"""Programs that no probe comes to, woken once each: what they end over shows here, not with their first message.

local(8), bounce(8) and their kin read their parameters when they are started, and that is when somebody needs them.

Source: postconf(5), "master(8) starts a service on demand"; `main_server_main()` of Postfix's master/.
"""

from __future__ import annotations

import posixpath
import selectors
import socket
import time
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

from reconciler.canary.heard import Vigil
from reconciler.live.config import LiveConfig
from reconciler.postfix.master_cf import Service

_SLEEPERS = frozenset(  # not pipe(8) and spawn(8): what they run is somebody else's
    {"anvil", "bounce", "cleanup", "discard", "error", "flush", "lmtp", "local", "proxymap", "scache", "showq", "smtp"}
    | {"tlsmgr", "trivial-rewrite", "verify", "virtual"}
)
_PATIENCE = timedelta(seconds=4)  # with those that are up; who has died is heard of in the log
_LOOK = 0.03  # s, between two looks at whether it is over


def wake(config: LiveConfig, vigil: Vigil) -> None:
    """Return once each has come up, or the log has told that it is over. `config` is the private one."""
    end = time.monotonic() + _PATIENCE.total_seconds()
    queue = config.view.get("queue_directory")
    with ExitStack() as lines, selectors.DefaultSelector() as waiting:
        for service in config.master.by_key.values():
            if service.type == "unix" and posixpath.basename(service.command) in _SLEEPERS:
                with suppress(OSError):
                    waiting.register(lines.enter_context(_knock(queue, service)), selectors.EVENT_READ)
        while waiting.get_map() and time.monotonic() < end and not vigil.is_over.is_set():
            for key, _ in waiting.select(_LOOK):
                if _has_hung_up(key.fileobj):
                    waiting.unregister(key.fileobj)


def _knock(queue: str, service: Service) -> socket.socket:
    """A connection that asks for nothing. Raises OSError."""
    line = socket.socket(socket.AF_UNIX)
    line.setblocking(False)
    try:
        line.connect(str(Path(queue, "public" if service.columns[0] == "n" else "private", service.name)))
        line.shutdown(socket.SHUT_WR)
    except OSError:
        line.close()
        raise
    return line


def _has_hung_up(line: object) -> bool:
    """It says who it is, and leaves."""
    try:
        return isinstance(line, socket.socket) and not line.recv(1 << 16)
    except OSError:
        return True
