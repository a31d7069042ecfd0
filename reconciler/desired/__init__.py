"""RepoSnapshot → DesiredState: what a state repository says about its hosts, with the place of every value.

Who only wants the rows of a policy file shall not import YAML for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.desired.repository import hosts, layers, load, validate

__all__ = ["hosts", "layers", "load", "validate"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    from reconciler.desired import repository  # noqa: PLC0415 - 25 ms

    return getattr(repository, name)
