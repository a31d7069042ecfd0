"""DesiredState × LiveConfig × LastApplied → Plan."""

from reconciler.plan.make import interests, plan

__all__ = ["interests", "plan"]
