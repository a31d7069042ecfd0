"""What a state says about one address of one host, and which of its layers says it."""

from __future__ import annotations

from reconciler.desired.declarations import Layers, declarations
from reconciler.explain.explanation import Declared
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.model.address import Address
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.plan.settled import Settled, settle
from reconciler.plan.target import Target


@dataclass(frozen=True, slots=True)
class Stated:
    """A state settled for the host, with the layers it was merged from."""

    desired: DesiredState
    target: Target
    layers: Layers

    def at(self, address: Address) -> Declared | None:
        """What it says about `address`; None where it says nothing."""
        want = self.target.wanted.get(address)
        if want is None:
            return None
        said = declarations(self.layers, want.origin)
        return Declared(want.value, want.part.value, want.part in self.desired.enforced, said, want.detail)


def stated(desired: DesiredState, live: LiveConfig, last: LastApplied, layers: Layers) -> Stated:
    """Settle a state for the host. What keeps it from being carried out is for the plan to say, not for this."""
    return Stated(desired, settle(desired, Settled(live, last)), layers)
