"""One address, from what it is to what a session sees of it."""

from reconciler.explain.of import explain, interests, normal
from reconciler.explain.stated import Stated, stated

__all__ = ["Stated", "explain", "interests", "normal", "stated"]
