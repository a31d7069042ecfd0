"""LiveConfig → host file: a state that the live host already is in."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.frozen import dataclass
from reconciler.importer import access, certificates, layout, parameters, policies, services, tables
from reconciler.importer.draft import Draft, Left
from reconciler.live.config import LiveConfig
from reconciler.model.address import Address, ParameterAddress

INLINE = 20  # rows of policies in the host file itself; more go to a file of their own


@dataclass(frozen=True, slots=True)
class Interests:
    """What an import needs to see beyond main.cf and master.cf."""

    tables: dict[str, str]  # path → type
    pems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """The files to write, by their paths in a state repository, and what they leave out.

    `parameters` and `services` are how many there are on the host that are not about TLS.
    """

    files: Mapping[str, str]
    left: tuple[Left, ...]
    parameters: int
    services: int


def interests(live: LiveConfig) -> Interests:
    """The tables of TLS policies and of access by sender and client, and the certificates that smtpd serves."""
    named = (*policies.listed(live), *access.listed(live))
    return Interests(tables.readable(named), certificates.files(live))


def write(
    live: LiveConfig,
    host: str,
    *,
    enforce: bool = False,
    own_map: bool = True,
    without: Mapping[Address, str] | None = None,
) -> Imported:
    """The host file of a live instance: everything about TLS that can be declared without changing it.

    `host` is the host's name, with `@INSTANCE` where it has several. Without `own_map` all rows stand in the host file.
    `without` are addresses to leave out, with the reason.
    """
    draft = Draft(live, without or {})
    certificates.take(draft)
    parameters.take(draft, [name for name in parameters.in_scope(live) if name not in certificates.NAMES])
    access.take(draft)
    policies.take(draft, map_file=f"policies/{host}.map" if own_map else "", inline=INLINE)
    services.take(draft)
    certificates.complete(draft)
    for name, reason in parameters.refused(live):
        draft.leave(ParameterAddress(name), f"not for a state repository to set: {reason}", "parameters")
    text = layout.render(draft, enforce=enforce)
    return Imported(
        files={f"hosts/{host}.yaml": text, **draft.maps},
        left=tuple(draft.left),
        parameters=layout.outside_parameters(draft),
        services=layout.other_services(draft),
    )
