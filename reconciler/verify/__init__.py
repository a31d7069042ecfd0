"""Proofs: what the running mail server does, held against what it shall do."""
