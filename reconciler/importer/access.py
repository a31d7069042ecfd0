"""Who may not send in plaintext: rows `reject_plaintext_session` of access tables.

In a host file a domain stands for its subdomains too, so a domain is taken over where both of its rows are there. The
other rows of such a table are no business of ours, and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.desired import readers
from reconciler.desired.tables import REJECT
from reconciler.frozen import dataclass
from reconciler.importer import tables
from reconciler.importer.draft import Draft
from reconciler.importer.emit import Value
from reconciler.importer.tables import INDEXED, Listed
from reconciler.live.config import LiveConfig
from reconciler.model.address import RowAddress

_SECTION = "incoming"
_CIDR = frozenset({"cidr"})
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Place:
    """A key of `incoming.policies`: where its table is named, and what its rows' keys must be."""

    key: str
    table_key: str
    default: str
    parameter: str
    before: str
    types: frozenset[str]
    read: Callable[[str], str]


_SENDERS = ("smtpd_sender_restrictions", "check_sender_access")
_CLIENTS = ("smtpd_client_restrictions", "check_client_access")
_PLACES = (
    _Place("senders", "sender_table", "tls_senders", *_SENDERS, INDEXED, readers.sender),
    _Place("clients", "client_table", "tls_clients", *_CLIENTS, _CIDR, readers.client),
    _Place("clients", "client_name_table", "tls_client_names", *_CLIENTS, INDEXED, readers.client),
)


def listed(live: LiveConfig) -> tuple[Listed, ...]:
    places = dict.fromkeys((place.parameter, place.before) for place in _PLACES)
    return tuple(it for parameter, before in places for it in tables.listed(live, parameter, before))


def take(draft: Draft) -> None:
    """Declare, for each key, the first table with such rows that can be; say the others."""
    policies: dict[str, Value] = {}
    for place in _PLACES:
        named = tuple(tables.listed(draft.live, place.parameter, place.before))
        chosen: Listed | None = None
        for it in named:
            if _concerns(place, it) and _demands(it, draft.live):
                chosen = _one(draft, place, it, named, policies) if chosen is None else _second(draft, it, chosen)
    if policies:
        draft.section(_SECTION)["policies"] = policies


def _concerns(place: _Place, it: Listed) -> bool:
    """Whether a table is the business of a place: kinds that none takes are said at the indexed one."""
    return it.kind in place.types or (place.types == INDEXED and it.kind not in _CIDR)


def _demands(it: Listed, live: LiveConfig) -> bool:
    known = live.path(it.path) in live.tables
    return known and any(value.lower() == REJECT for _, value in tables.rows(it, live))


def _second(draft: Draft, it: Listed, chosen: Listed) -> Listed:
    draft.leave(it.address, f"one table can be declared there, and {chosen.path} is it", _SECTION)
    return chosen


def _one(
    draft: Draft, place: _Place, it: Listed, named: tuple[Listed, ...], policies: dict[str, Value]
) -> Listed | None:
    reason = draft.unwanted(it.address, it.element) or tables.why_not(it, draft.live, place.types)
    kept = () if reason else tuple(_kept(draft, place, it))
    if not kept:
        draft.leave(it.address, reason or "none of its rows can be declared", _SECTION)
        return None
    before = policies.get(place.key, ())
    policies[place.key] = (*(before if isinstance(before, tuple) else ()), *kept)
    reference = tables.reference(it, named, place.default)
    if reference:
        policies[place.table_key] = reference
    return it


def _kept(draft: Draft, place: _Place, it: Listed) -> Iterator[str]:
    keys = dict.fromkeys(key for key, value in tables.rows(it, draft.live) if value.lower() == REJECT)
    alone = it.kind in _CIDR
    left = 0
    for key in keys:
        reason = draft.without.get(RowAddress(it.path, key)) or _refusal(place, key)
        if not reason and not alone and "@" not in key:
            if key.startswith("."):
                if key[1:] in keys and not _refusal(place, key[1:]):
                    continue  # said by the row of the domain itself
                reason = f"the row {key[1:]} is not there, and a host file means a domain with its subdomains"
            elif f".{key}" not in keys:
                reason = f"the row .{key} is not there, and a host file means a domain with its subdomains"
        if not reason:
            yield key
            continue
        left += 1
        if left <= _SHOWN:
            draft.leave(RowAddress(it.path, key), reason, _SECTION)
    if left > _SHOWN:
        draft.leave(it.address, f"{left - _SHOWN} more of its rows are left out for the same reasons", _SECTION)


def _refusal(place: _Place, key: str) -> str:
    bare = key.removeprefix(".") if place.types == INDEXED else key
    try:
        same = bare.isprintable() and place.read(bare) == bare
    except ValueError:
        same = False
    right_table = place.key != "clients" or readers.is_network(bare) == (place.types == _CIDR)
    return "" if same and right_table else "its key is none that a host file can say"
