"""What an apply did."""

from __future__ import annotations

from reconciler.frozen import dataclass
from reconciler.model.proof import Proof


@dataclass(frozen=True, slots=True)
class Receipt:
    """`written` are the files replaced or made, `removed` those taken away, `built` the tables postmap made.

    `before` and `after` are the proofs around the change. `notes` are sentences for a person, such as that Postfix
    was not running.
    """

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    reloaded: bool = False
    before: tuple[Proof, ...] = ()
    after: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()
    skipped_trial: bool = False  # the canary was left out by name
    transaction: int = 0  # its ID; 0 where nothing was to be done
