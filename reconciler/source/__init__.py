"""The state repository as a tree of bytes: from a directory, or from git without a checkout."""

from reconciler.source.open import is_url, read

__all__ = ["is_url", "read"]
