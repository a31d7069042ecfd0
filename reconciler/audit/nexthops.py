"""Which nexthops mail can have, as far as the configuration tells: what TLS policies are looked up by.

Source: postconf(5), relayhost, transport_maps; transport(5); `tls_policy_lookup()` in smtp/smtp_tls_policy.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from reconciler.audit.references import TRANSPORT_MAPS, table_uses
from reconciler.audit.scene import Scene
from reconciler.frozen import dataclass
from reconciler.postfix.values import split_list

_TRANSPORTS = ("default_transport", "relay_transport", "virtual_transport", "local_transport", "mailbox_transport")
_FALLBACKS = ("smtp_fallback_relay", "lmtp_fallback_relay")
_ELSEWHERE = (  # what can give mail a nexthop that is not known here
    "sender_dependent_relayhost_maps",
    "sender_dependent_default_transport_maps",
    "content_filter",
    "mailbox_transport_maps",
)


@dataclass(frozen=True, slots=True)
class NextHops:
    """`explicit` are nexthops that something names; `by_domain` what a row of transport_maps makes of a domain.

    `complete` where mail for other hosts can have no other nexthop than these and its own domain in `domains`.
    """

    explicit: tuple[str, ...] = ()
    by_domain: dict[str, str] = field(default_factory=dict)
    domains: frozenset[str] = frozenset()
    complete: bool = False


def of(scene: Scene) -> NextHops:
    view = scene.live.view
    relayhost = view.get("relayhost").strip().lower()
    rows = dict(_transport_rows(scene))
    named = [relayhost, *(_nexthop(view.get(name)) for name in _TRANSPORTS)]
    named += [it for name in _FALLBACKS for it in split_list(view.get(name).lower())]
    explicit = tuple(dict.fromkeys(it for it in (*named, *rows.values()) if it))
    own = (*split_list(view.get("relay_domains").lower()), *(key for key, hop in rows.items() if not hop))
    return NextHops(
        explicit=explicit,
        by_domain={key: hop for key, hop in rows.items() if hop and hop != key and not key.startswith((".", "*"))},
        domains=frozenset(own),
        complete=bool(relayhost) and _is_complete(scene, own),
    )


def _is_complete(scene: Scene, relay_domains: tuple[str, ...]) -> bool:
    """Whether tables that cannot be read, and other ways, give mail no other nexthop."""
    view = scene.live.view
    if any(view.get(name) for name in _ELSEWHERE) or any(":" in it or "/" in it for it in relay_domains):
        return False
    uses = [use for use in table_uses(scene) if use.parameter == TRANSPORT_MAPS]
    if len(uses) != len(split_list(view.get(TRANSPORT_MAPS))):
        return False
    return all(use.path in scene.live.tables and scene.live.tables[use.path].indexed for use in uses if use.path)


def _transport_rows(scene: Scene) -> Iterator[tuple[str, str]]:
    for use in table_uses(scene):
        table = scene.live.tables.get(use.path or "")
        if use.parameter != TRANSPORT_MAPS or table is None or not table.indexed:
            continue
        for row in table.rows.values():
            key, value = (text.decode("utf-8", "surrogateescape").lower() for text in (row.key, row.value))
            yield key, _nexthop(value)


def _nexthop(transport: str) -> str:
    """The nexthop of `transport:nexthop`; empty where it is the domain itself."""
    return transport.partition(":")[2].strip().lower()


def bare(nexthop: str) -> str:
    """The host of a nexthop, without brackets and port."""
    if nexthop.startswith("["):
        return nexthop[1:].partition("]")[0]
    return nexthop.partition(":")[0]
