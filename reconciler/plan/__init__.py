"""DesiredState × LiveConfig × LastApplied → Plan."""

from reconciler.plan.make import Interests, interests, plan, plan_on
from reconciler.plan.settled import Settled

__all__ = ["Interests", "Settled", "interests", "plan", "plan_on"]
