"""A question about one address, with everything that an answer is made from."""

from __future__ import annotations

from reconciler.explain.explanation import Declared, Explanation, Fact, Override, Session, Standing
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.model.address import Address
from reconciler.model.applied import LastApplied


@dataclass(frozen=True, slots=True)
class Asked:
    """`declared` is None where the state says nothing about the address; `has_state` is whether one was read."""

    address: Address
    live: LiveConfig
    last: LastApplied
    declared: Declared | None
    has_state: bool

    def answer(
        self,
        facts: tuple[Fact, ...],
        standing: tuple[Standing, ...],
        effective: str | None,
        *,
        overrides: tuple[Override, ...] = (),
        sessions: tuple[Session, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Explanation:
        """The explanation, with what is the same for every kind of address."""
        return Explanation(
            address=self.address,
            config_directory=self.live.snapshot.config_directory,
            mail_version=self.live.snapshot.mail_version,
            facts=facts,
            has_state=self.has_state,
            declared=self.declared,
            standing=standing,
            effective=effective,
            last=self.last.entries.get(self.address),
            overrides=overrides,
            sessions=sessions,
            notes=notes,
        )
