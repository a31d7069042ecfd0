"""Where in a host file a parameter can be declared."""

from __future__ import annotations

from functools import cache

from reconciler.desired.parameters import OF_SERVICE
from reconciler.desired.state_file import PARAMETERS, Incoming, Outgoing

Path = tuple[str, ...]  # keys, from the top of the file down


def of_parameter(name: str) -> tuple[Path, ...]:
    """The keys for a parameter of main.cf: the one of its own, where it has one, then the one below `parameters`."""
    own = _own_keys().get(name)
    return (*((own,) if own else ()), ("parameters", name))


def of_option(service: str, name: str) -> Path | None:
    """The key for an option of `submission` or `submissions`; None for what the service sets without being asked."""
    key = OF_SERVICE.get(name)
    if key is None:
        return (service, "parameters", name)
    return (service, *key.split(".")) if key else None


@cache
def _own_keys() -> dict[str, Path]:
    sections = (("incoming", Incoming), ("outgoing", Outgoing))
    return {parameter: (where, key) for where, model in sections for key, parameter in PARAMETERS[model]}
