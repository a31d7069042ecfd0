"""From the outbox into the store: each event once, whatever was interrupted."""

from __future__ import annotations

from itertools import islice

from reconciler.record.outbox import ROTATE_AT, Outbox
from reconciler.record.store import BATCH, Store, Whose


def take_in(store: Store, outbox: Outbox, whose: Whose, *, rotate_at: int = ROTATE_AT) -> int:
    """Take in what waits, and let the outbox go of it once it has grown; gives how many events were new.

    Raises StoreUnavailable: then what waits goes on waiting.
    """
    position = store.position(whose)
    waiting = outbox.read(position.sequence, position.outbox)
    taken = 0
    while batch := list(islice(waiting, BATCH)):
        taken += store.take_in(whose, batch)
    position = store.position(whose)
    if position.outbox:
        outbox.rotate(position.sequence, position.outbox, at=rotate_at)
    return taken
