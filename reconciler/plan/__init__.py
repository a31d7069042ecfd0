"""DesiredState × LiveConfig × LastApplied → Plan."""

from reconciler.plan.make import Interests, interests, plan

__all__ = ["Interests", "interests", "plan"]
