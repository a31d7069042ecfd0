"""Directories watched in a thread of their own; a change is told by an eventfd, what changed is for the look to find.

Directories, never files: a watch on a file goes blind with the first rename over it. What is missed, for a burst of
events is more than the kernel keeps, the next resync sees.

watchfiles collects what happens, but it looks for it again and again: every 25 ms took 0.17 % of a core, every 5 ms
0.6 %. So it is asked once inotify has rung, until the burst is over, and where inotify cannot be had, all the time.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.host import inotify

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_STEP_MS, _DEBOUNCE_MS = 25, 100  # without a bell
_BURST_STEP_MS, _BURST_MS = 5, 50  # after it rang
_STOP_MS = 5_000


@dataclass
class Watch:
    """What is watched can be exchanged; `descriptor` becomes readable when something in it changed.

    `failed` is told why a watch could not be set: the agent then sees changes with the clock alone.
    """

    failed: Callable[[str], None] = lambda _: None
    directories: frozenset[str] = frozenset()
    descriptor: int = field(default_factory=lambda: os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
    _stop: threading.Event = field(default_factory=threading.Event)
    _stopping: int = field(default_factory=lambda: os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
    _thread: threading.Thread | None = None

    def over(self, directories: frozenset[str]) -> None:
        """Watch these from now on."""
        if directories == self.directories and self._thread is not None and self._thread.is_alive():
            return
        self._end()
        self.directories = directories
        self._stop = threading.Event()
        ready = threading.Event()
        arguments = (directories, self._stop, ready)
        self._thread = threading.Thread(target=self._run, args=arguments, name="watch", daemon=True)
        self._thread.start()
        ready.wait(_STOP_MS / 1000)

    def clear(self) -> None:
        """Forget what was noticed so far."""
        _clear(self.descriptor)

    def close(self) -> None:
        self._end()
        os.close(self.descriptor)
        os.close(self._stopping)

    def _end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            os.eventfd_write(self._stopping, 1)
            self._thread.join(_STOP_MS / 1000)
            _clear(self._stopping)

    def _run(self, directories: frozenset[str], stop: threading.Event, ready: threading.Event) -> None:
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError  # noqa: PLC0415

        try:
            with RustNotify(sorted(directories), False, False, 0, False, True) as notify:
                bell = _bell(directories)
                ready.set()
                try:
                    self._listen(notify, bell, stop)
                finally:
                    if bell is not None:
                        os.close(bell)
        except (OSError, WatchfilesRustInternalError) as error:
            self.failed(str(error))
        finally:
            ready.set()

    def _listen(self, notify: RustNotify, bell: int | None, stop: threading.Event) -> None:
        while not stop.is_set():
            if bell is None:
                came = notify.watch(_DEBOUNCE_MS, _STEP_MS, _STOP_MS, stop)
            else:
                ready, _, _ = select.select([bell, self._stopping], [], [])
                if bell not in ready:
                    continue
                os.eventfd_write(self.descriptor, 1)  # at once; what follows is told with the end of the burst
                inotify.clear(bell)
                came = notify.watch(_BURST_MS, _BURST_STEP_MS, _BURST_MS, stop)
            if isinstance(came, set):
                os.eventfd_write(self.descriptor, 1)


def _bell(directories: frozenset[str]) -> int | None:
    try:
        return inotify.open_on(directories)
    except OSError:
        return None


def _clear(descriptor: int) -> None:
    try:
        os.eventfd_read(descriptor)
    except BlockingIOError:
        return
