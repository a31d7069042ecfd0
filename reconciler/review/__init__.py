"""Two revisions of the state × what hosts published → a Review."""

from reconciler.review.judge import Ages, Asked, Found, review
from reconciler.review.offline import planned, read

__all__ = ["Ages", "Asked", "Found", "planned", "read", "review"]
