"""What became of a commit on this host, said on the forge where the settings name one and a token for it.

For the half of the agent that has the network: it has no rights on the host, and the half that has them has no token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.errors import ForgeBusy, ReconcilerError, RolledBack, UsageError
from reconciler.frozen import dataclass

if TYPE_CHECKING:
    from reconciler.notify.forge.status import Outcome
    from reconciler.settings.forge import Forge

SYNCED = "Synced"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RETRY_S = 300.0  # between two attempts that might succeed
_EACH = timedelta(seconds=5)  # for one answer, asked for once: the agent waits for it


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a host stands with a commit: `word` is `Synced`, or the reason to wait; `failed` makes it an error's."""

    commit: str
    word: str
    failed: bool = False


def stands(word: str, revision: str, newest: str, trouble: ReconcilerError | None) -> Standing:
    """What a pass that ended with `word` at `revision`, empty where it failed, says of the newest commit.

    A host that is as an older commit says, because the newest one was refused, stands failed with the newest.
    """
    if not revision:
        return Standing(newest, word, failed=True)
    if trouble is not None and newest != revision:
        return Standing(newest, trouble.reason, failed=True)
    return Standing(revision, word)


def publish_status(forge: Forge, commit: str, host: str, outcome: Outcome, reason: str = "") -> bool:
    """Say it, and give whether anything had to be said; without a token nothing is ever sent.

    Raises UsageError where the settings say too little, ForgeRefused, or ForgeBusy, after which trying later helps.
    """
    if not forge.status_token_file:
        return False
    from reconciler.notify.forge import status, token  # noqa: PLC0415 - httpx costs 100 ms; most hosts have no token
    from reconciler.notify.forge.client import Patience  # noqa: PLC0415
    from reconciler.notify.forge.reach import Kind, Where  # noqa: PLC0415

    if forge.kind is None or not forge.repository:
        raise UsageError("forge.status_token_file goes with forge.kind and forge.repository")
    secret, patience = token.from_file(forge.status_token_file), Patience(timedelta(0), attempts=1, each=_EACH)
    where = Where(Kind(forge.kind.value), forge.repository, secret, forge.url, patience=patience)
    return status.publish_status(where, commit, host, outcome, reason)


@dataclass(slots=True)
class Statuses:
    """Says each standing once. `trouble` is why the last one was not said, None where it was."""

    forge: Forge
    host: str  # or HOST@INSTANCE
    say: Callable[[Forge, str, str, Outcome, str], bool] = publish_status
    trouble: ReconcilerError | None = None
    _said: Standing | None = None
    _tried_s: float = field(default=-_RETRY_S)

    def tell(self, standing: Standing, uptime_s: float) -> bool:
        """Say it where it is news; gives whether something was sent.

        Nothing is raised and nothing is waited for long: what the forge does not take now is tried again after
        five minutes, and what it refuses is not said again until there is news.
        """
        if not self.forge.status_token_file or not _COMMIT.fullmatch(standing.commit) or standing == self._said:
            return False
        if uptime_s - self._tried_s < _RETRY_S and isinstance(self.trouble, ForgeBusy):
            return False
        self._tried_s, self.trouble = uptime_s, None
        try:
            sent = self.say(self.forge, standing.commit, self.host, *_outcome(standing))
        except ForgeBusy as busy:
            self.trouble = busy
            return False
        except ReconcilerError as refused:
            self.trouble, sent = refused, False
        self._said = standing
        return sent


def _outcome(standing: Standing) -> tuple[Outcome, str]:
    from reconciler.notify.forge.status import Outcome  # noqa: PLC0415 - see publish_status

    if standing.failed:
        back = standing.word == RolledBack.reason
        return (Outcome.ROLLED_BACK, "") if back else (Outcome.FAILED, standing.word)
    return (Outcome.APPLIED, "") if standing.word == SYNCED else (Outcome.PENDING, standing.word)
