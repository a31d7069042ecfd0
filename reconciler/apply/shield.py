"""SIGTERM, SIGINT and SIGHUP held back while live files are between two states; they count once that is over."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def shield() -> Iterator[None]:
    """What comes inside is delivered at the end, whether the block succeeds or fails.

    Handlers, not a mask: programs that are started inherit a mask, and a master(8) that is deaf to SIGTERM is none.
    In another thread than the main one there is nothing to do: Python runs handlers in that one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[signal.Signals] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(signal.Signals(number))

    before = {each: signal.signal(each, note) for each in _HELD}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for each in dict.fromkeys(came):
            signal.raise_signal(each)
