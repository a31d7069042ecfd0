"""RepoSnapshot → DesiredState: what a state repository says about its hosts, with the place of every value."""

from reconciler.desired.repository import hosts, layers, load, validate

__all__ = ["hosts", "layers", "load", "validate"]
