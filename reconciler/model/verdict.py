"""What a trial of a candidate in a private instance said."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.model.proof import Proof


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a candidate may go live.

    `problems` are sentences for a person, one a fault that the live configuration does not have; with one, nothing has
    `passed`. `standing` are the faults that it has as well: told, and in nobody's way. `proofs` are the probes.
    `left_out` says what was switched off in the private instance, or could not be tried. `digest` covers all that was
    tried: the candidate, the files and certificates around it, Postfix's version; who keeps those of passed trials and
    hands them in saves the next one, which is then `already_proven`. `started` says whether an instance was: some
    faults are found by reading. `steps` are what took how long, in seconds.
    """

    passed: bool
    digest: str
    problems: tuple[str, ...] = ()
    standing: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    left_out: tuple[str, ...] = ()
    duration_s: float = 0.0
    already_proven: bool = False
    started: bool = False
    steps: tuple[tuple[str, float], ...] = ()
