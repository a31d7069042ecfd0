"""What became of a commit on this host, said on the forge where the settings name one and a token for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.notify.forge.status import Outcome
    from reconciler.settings.forge import Forge


def publish_status(forge: Forge, commit: str, host: str, outcome: Outcome, reason: str = "") -> bool:
    """Say it, and give whether anything had to be said; without a token nothing is ever sent.

    Raises UsageError where the settings say too little, ForgeRefused, or ForgeBusy, after which trying later helps.
    """
    if not forge.status_token_file:
        return False
    from reconciler.notify.forge import status, token  # noqa: PLC0415 - httpx costs 100 ms; most hosts have no token
    from reconciler.notify.forge.reach import Kind, Where  # noqa: PLC0415

    if forge.kind is None or not forge.repository:
        raise UsageError("forge.status_token_file goes with forge.kind and forge.repository")
    where = Where(Kind(forge.kind.value), forge.repository, token.from_file(forge.status_token_file), forge.url)
    return status.publish_status(where, commit, host, outcome, reason)
