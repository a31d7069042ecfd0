"""A host file in the making: the keys that are taken over, and what is left out, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconciler import desired
from reconciler.errors import Position, Problem, StateInvalid
from reconciler.frozen import dataclass
from reconciler.importer import emit
from reconciler.importer.emit import Value
from reconciler.live.config import LiveConfig
from reconciler.live.meaning import Meaning
from reconciler.model.address import Address, OptionAddress, ParameterAddress, ServiceAddress
from reconciler.model.desired import DesiredState
from reconciler.model.snapshot import RepoSnapshot
from reconciler.postfix import endpoint

_HOST = "host"
_UNMANAGED: Mapping[str, Value] = {"default": "unmanaged"}


@dataclass(frozen=True, slots=True)
class Left:
    """Something about TLS that stands on the host and not in the file; `section` is the key it would stand under."""

    address: Address
    reason: str
    section: str


@dataclass
class Draft:
    """What has been decided so far. `without` are addresses not to take over, each with its reason."""

    live: LiveConfig
    without: Mapping[Address, str] = field(default_factory=dict)
    keys: dict[str, dict[str, Value]] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)  # path of a policy file → its text
    left: list[Left] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # section → where its keys come from

    def section(self, name: str) -> dict[str, Value]:
        return self.keys.setdefault(name, {})

    def unwanted(self, *addresses: Address) -> str:
        """Why one of these is not to be taken over; empty where nothing speaks against it."""
        return next((self.without[it] for it in addresses if it in self.without), "")

    def leave(self, address: Address, reason: str, section: str) -> None:
        """Leave it out; one reason an address is enough."""
        if all(it.address != address for it in self.left):
            self.left.append(Left(address, self.without.get(address, reason), section))


def nested(path: tuple[str, ...], value: Value) -> dict[str, Value]:
    """One key with everything above it."""
    for key in reversed(path[1:]):
        value = {key: value}
    return {path[0]: value}


def declared(keys: Mapping[str, Value]) -> DesiredState:
    """What a host file of these keys alone would declare; it needs no certificate of its own.

    Raises StateInvalid where the schema refuses it.
    """
    whole = keys if "certificates" in keys else {"certificates": _UNMANAGED, **keys}
    try:
        text = "\n".join(emit.block(whole)) + "\n"
    except ValueError as error:
        raise StateInvalid((Problem(Position(_HOST), str(error)),)) from error
    return desired.load(RepoSnapshot({f"hosts/{_HOST}.yaml": text.encode()}, "", ""), _HOST)


def complaint(invalid: StateInvalid, path: tuple[str, ...]) -> str:
    """The schema's first complaint, without the name of the key, which the address says already."""
    return invalid.problems[0].what.removeprefix(f"{'.'.join(path)}: ")


def differing(state: DesiredState, live: LiveConfig) -> tuple[tuple[Address, str], ...]:
    """The parameters and options that a state would change on this host, with the value they would get."""
    meaning = Meaning(live.view)
    wanted: list[tuple[Address, str]] = [(ParameterAddress(it.name), it.value) for it in state.parameters]
    for service in state.services:
        address = ServiceAddress(endpoint.canonical(service.name))
        wanted += [(OptionAddress(address, it.name), it.value) for it in service.options]
    return tuple((where, value) for where, value in wanted if not meaning.same(where, live.at(where), value))
