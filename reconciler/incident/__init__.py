"""Drift found, its life as an incident, whether it may be healed, and who is told: decisions only, no effect."""
