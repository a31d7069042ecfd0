"""From an address to its explanation."""

from __future__ import annotations

from typing import assert_never

from reconciler.explain import certificate, element, parameter, row, service, table
from reconciler.explain.asked import Asked
from reconciler.explain.explanation import Explanation
from reconciler.explain.references import kind_of
from reconciler.explain.stated import Stated
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.live.paths import in_address
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
from reconciler.model.applied import LastApplied
from reconciler.postfix import endpoint
from reconciler.postfix.table import fold


@dataclass(frozen=True, slots=True)
class Interests:
    """What an explanation needs to see of the host beyond main.cf and master.cf, as absolute paths."""

    tables: dict[str, str]  # path → type
    pems: tuple[str, ...]


def normal(address: Address, live: LiveConfig) -> Address:
    """The address as plans name it: `587` is `submission`, a path below the configuration directory relative."""
    directory = live.snapshot.config_directory
    match address:
        case ServiceAddress(name, kind):
            return ServiceAddress(endpoint.canonical(name, kind), kind)
        case OptionAddress(ServiceAddress(name, kind), option):
            return OptionAddress(ServiceAddress(endpoint.canonical(name, kind), kind), option)
        case RowAddress(path, key):
            return RowAddress(in_address(path, directory), key)
        case TableAddress(path):
            return TableAddress(in_address(path, directory))
        case FileAddress(path):
            return FileAddress(in_address(path, directory))
        case _:
            return address


def interests(address: Address, live: LiveConfig, state: Stated | None) -> Interests:
    """What to read of the host for `address`, which is normal."""
    match address:
        case RowAddress(path) | TableAddress(path):
            known = state.target.kinds.get(path) if state else None
            kind = known.value if known else kind_of(live.path(path), live)
            return Interests({live.path(path): kind} if kind else {}, ())
        case FileAddress(path):
            return Interests({}, (live.path(path),))
        case _:
            return Interests({}, ())


def explain(address: Address, live: LiveConfig, last: LastApplied, state: Stated | None) -> Explanation:
    """Everything there is to say about `address`, which is normal. `state` is None where none was read.

    Raises UsageError where there is no such parameter.
    """
    address = _as_known(address, live, last, state)
    declared = state.at(address) if state else None
    asked = Asked(address, live, last, declared, has_state=state is not None)
    match address:
        case ParameterAddress(name):
            return parameter.tell(asked, name)
        case OptionAddress():
            return parameter.tell_option(asked, address)
        case ElementAddress():
            return element.tell(asked, address)
        case RowAddress():
            return row.tell(asked, address)
        case TableAddress():
            return table.tell(asked, address)
        case ServiceAddress():
            return service.tell(asked, address)
        case FileAddress():
            return certificate.tell(asked, address)
        case _:
            assert_never(address)


def _as_known(address: Address, live: LiveConfig, last: LastApplied, state: Stated | None) -> Address:
    """The address as the state or the record spells it: an element in another spelling, a key in lower case."""
    known = (*(state.target.wanted if state else ()), *last.entries)
    if isinstance(address, ElementAddress):
        return next((it for it in known if isinstance(it, ElementAddress) and _same(it, address, live)), address)
    if not isinstance(address, RowAddress) or address in known:
        return address
    source = live.tables.get(live.path(address.path))
    if source is not None and not source.indexed:
        return address
    key = fold(address.key.encode("utf-8", "surrogateescape"))
    return RowAddress(address.path, key.decode("utf-8", "surrogateescape"))


def _same(one: ElementAddress, other: ElementAddress, live: LiveConfig) -> bool:
    return one.parameter == other.parameter and live.same_element(one.element, other.element)
