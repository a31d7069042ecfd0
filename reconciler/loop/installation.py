"""What the installed Postfix says of itself, kept from one pass to the next in the instance's memory."""

from __future__ import annotations

from reconciler.apply.state import StateDirectory
from reconciler.host.installation import Installed
from reconciler.host.snapshot import postfix_of
from reconciler.model import codec
from reconciler.model.snapshot import HostSnapshot


def recall(state: StateDirectory) -> Installed | None:
    """What is remembered; None where nothing is, or it cannot be read: it only saves time."""
    try:
        known: Installed = codec.decode(Installed, state.recall_postfix())
        return known
    except (ValueError, KeyError, TypeError):
        return None


def remember(state: StateDirectory, snapshot: HostSnapshot) -> None:
    """Keep what a snapshot knows; nothing is written where it is known already. Raises StateUnusable."""
    state.remember_postfix(codec.encode(postfix_of(snapshot)))
