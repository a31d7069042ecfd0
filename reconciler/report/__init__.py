"""Renderers of plans and proofs: the same value as text for a person and as JSON for a program."""
