"""TLS policies for destinations: rows of a table that smtp_tls_policy_maps names."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.desired import readers
from reconciler.importer import tables
from reconciler.importer.draft import Draft
from reconciler.importer.emit import Value
from reconciler.importer.tables import INDEXED, Listed
from reconciler.live.config import LiveConfig
from reconciler.model.address import RowAddress

PARAMETER = "smtp_tls_policy_maps"
_DEFAULT = "tls_policy"
_SECTION = "outgoing"
_SHOWN = 20  # rows left out that are named one by one


def listed(live: LiveConfig) -> tuple[Listed, ...]:
    return tuple(tables.listed(live, PARAMETER))


def take(draft: Draft, *, map_file: str, inline: int) -> None:
    """Declare the first table that can be, more than `inline` rows of it in `map_file`."""
    named = listed(draft.live)
    chosen: Listed | None = None
    for it in named:
        reason = draft.unwanted(it.address, it.element) or tables.why_not(it, draft.live, INDEXED)
        if not reason and chosen is not None:
            reason = f"one table of policies can be declared, and {chosen.path} is it"
        if reason:
            draft.leave(it.address, reason, _SECTION)
        elif _declared(draft, it, named, map_file=map_file, inline=inline):
            chosen = it


def _declared(draft: Draft, it: Listed, named: tuple[Listed, ...], *, map_file: str, inline: int) -> bool:
    kept = dict(_kept(draft, it))
    if not kept:
        draft.leave(it.address, "it has no row that can be declared", _SECTION)
        return False
    section = draft.section(_SECTION)
    if reference := tables.reference(it, named, _DEFAULT):
        section["policy_table"] = reference
    if len(kept) <= inline or not map_file:
        section["policies"] = dict[str, Value](kept)
    else:
        section["policy_files"] = (map_file,)
        draft.maps[map_file] = _map(it, kept)
    draft.sources["policies"] = f"{it.kind}:{it.path}"
    return True


def _kept(draft: Draft, it: Listed) -> Iterator[tuple[str, str]]:
    left = 0
    for key, value in tables.rows(it, draft.live):
        address = RowAddress(it.path, key)
        reason = draft.without.get(address) or _refusal(draft, key, value)
        if not reason:
            yield key, value
            continue
        left += 1
        if left <= _SHOWN:
            draft.leave(address, reason, _SECTION)
    if left > _SHOWN:
        draft.leave(it.address, f"{left - _SHOWN} more of its rows are left out for the same reasons", _SECTION)


def _refusal(draft: Draft, key: str, value: str) -> str:
    """Why a row cannot be declared; what stands on its right-hand side is never repeated: it may be a password."""
    try:
        if not key.isprintable() or readers.nexthop(key) != key:
            return "its key is no nexthop"
    except ValueError:
        return "its key is no nexthop"
    try:
        readers.policy_text(value)
    except ValueError:
        return "its right-hand side is no TLS policy"
    if not value.isprintable():
        return "its right-hand side holds what does not show"
    if value.lower().startswith("dane") and not _asks_dnssec(draft):
        return "declaring it would set main.cf/smtp_dns_support_level = dnssec, without which dane does nothing"
    return ""


def _asks_dnssec(draft: Draft) -> bool:
    declared = "smtp_dns_support_level" in draft.section("parameters")
    return declared or draft.live.view.get("smtp_dns_support_level").lower() == "dnssec"


def _map(it: Listed, kept: dict[str, str]) -> str:
    width = min(max(map(len, kept)), 40)
    lines = [f"# Imported from {it.kind}:{it.path}: nexthop, level, attributes; postconf(5), {PARAMETER}."]
    return "\n".join((*lines, *(f"{key:<{width}} {value}" for key, value in kept.items()))) + "\n"
