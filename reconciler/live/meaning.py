"""When two values at an address mean the same.

Texts are compared in the configuration as it will be: a `$name` in an option means what main.cf says after the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.postfix import policy
from reconciler.postfix.effective import View
from reconciler.postfix.master_cf import DEFAULT_COLUMNS


@dataclass(frozen=True)
class Meaning:
    """`view` is main.cf as it will be; `policy_tables` are the paths whose rows are TLS policies."""

    view: View
    policy_tables: frozenset[str] = frozenset()

    def same(self, address: Address, one: str | None, other: str | None) -> bool:
        if one == other:
            return True
        match address:
            case ParameterAddress(name):
                default = self.view.defaults.get(name, "")
                return self.view.same(name, default if one is None else one, default if other is None else other)
            case OptionAddress(_, name):
                inherited = self.view.raw(name) or ""
                return self.view.same(name, inherited if one is None else one, inherited if other is None else other)
            case RowAddress(path):
                return one is not None and other is not None and self._same_row(path, one, other)
            case ServiceAddress():
                return one is not None and other is not None and _resolved(one) == _resolved(other)
            case ElementAddress() | TableAddress() | FileAddress():
                return False
            case _:
                assert_never(address)

    def _same_row(self, path: str, one: str, other: str) -> bool:
        if path in self.policy_tables:
            try:
                return policy.canonical(one) == policy.canonical(other)
            except ValueError:
                return False
        return one.lower().split() == other.lower().split()


def _resolved(header: str) -> tuple[str, ...]:
    """A service's columns with the defaults written out."""
    words = header.split(" ")
    pairs = zip(words, DEFAULT_COLUMNS, strict=False)
    return (*(default if column == "-" else column for column, default in pairs), *words[len(DEFAULT_COLUMNS) :])


def projected(live: LiveConfig, changes: Mapping[str, str | None]) -> View:
    """main.cf as it will be once parameters have been set, or removed where None."""
    explicit = {name: value for name, value in live.view.explicit.items() if name not in changes}
    explicit |= {name: value for name, value in changes.items() if value is not None}
    return View(explicit, live.view.defaults)
