"""The trial of a transaction's candidate: the canary, asked what a live host is asked."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from reconciler.apply.course import Progress
from reconciler.frozen import dataclass
from reconciler.live import LiveConfig
from reconciler.model.candidate import Candidate
from reconciler.model.verdict import Verdict

_PATIENCE = timedelta(seconds=4)  # for one listener
_LIMIT = timedelta(seconds=10)  # for all of them together


@dataclass(frozen=True, slots=True)
class InCanary:
    """Tries candidates in private instances; `live` is the configuration as it stands."""

    live: LiveConfig
    progress: Progress = lambda _: None

    def try_out(self, candidate: Candidate, proven: frozenset[str]) -> Verdict:
        """What it comes to.

        Raises CheckFailed where no private instance can be made of it.
        """
        from reconciler import canary  # noqa: PLC0415 - a plan that is empty needs none
        from reconciler.verify.service import service_proofs  # noqa: PLC0415

        prove = partial(service_proofs, patience=_PATIENCE, limit=_LIMIT)
        return canary.try_out(candidate, self.live, prove, proven=proven, progress=self.progress)
