"""The status of a commit: what a review found, and what became of it on each host."""

from __future__ import annotations

from enum import StrEnum

from reconciler.notify.forge.model import Forge, State, Status
from reconciler.notify.forge.reach import Where, reach
from reconciler.report.terminal import clean

_LONGEST = 140  # characters of a description; GitHub takes no more, GitLab 255
_CONTEXT = 255


class Outcome(StrEnum):
    """What became of a commit on a host. Every end but `applied` says why."""

    PENDING = "pending"
    APPLIED = "applied"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"


_STATES = {
    Outcome.PENDING: State.PENDING,
    Outcome.APPLIED: State.SUCCESS,
    Outcome.FAILED: State.FAILURE,
    Outcome.ROLLED_BACK: State.FAILURE,
}


def publish_status(where: Where, commit: str, host: str, outcome: Outcome, reason: str = "") -> bool:
    """Say on the forge what became of `commit` on `host`, which is a name, or NAME@INSTANCE.

    Gives whether anything had to be said: a status that says the same already is left alone, so that a loop may call
    this each time it passes. `reason` is the word of an error, such as VerifyFailed.

    Raises UsageError, ForgeRefused or ForgeBusy; a token is in none of their texts.
    """
    text = f"{outcome.value}: {reason}" if reason else outcome.value
    with reach(where) as forge:
        return keep(forge, commit, status_of(f"reconciler/{host}", _STATES[outcome], text))


def status_of(context: str, state: State, text: str, url: str = "") -> Status:
    """A status within what every forge takes."""
    shown = clean(text)
    shown = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
    return Status(clean(context)[:_CONTEXT], state, shown, url)


def keep(forge: Forge, commit: str, status: Status) -> bool:
    """Set the status unless it is the newest of its context already; gives whether it was set."""
    if forge.status(commit, status.context) == status:
        return False
    forge.set_status(commit, status)
    return True
