"""Where mail for a recipient goes, and which TLS policy that destination has, as the live tables say.

It follows transport_maps, relayhost and smtp_tls_policy_maps, as trivial-rewrite(8) and smtp(8) do. What it does not
follow, such as a table that depends on the sender, shows in the log all the same, and the log is what is judged.

Source: transport(5); postconf(5), smtp_tls_policy_maps; `tls_policy_lookup()` in Postfix's smtp/smtp_tls_policy.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.errors import CommandFailed
from reconciler.frozen import dataclass
from reconciler.live.config import LiveConfig
from reconciler.postfix import policy
from reconciler.postfix.effective import View, client_level
from reconciler.postfix.policy import Policy
from reconciler.postfix.values import split_list
from reconciler.verify.host import Host


@dataclass(frozen=True, slots=True)
class Route:
    """The service that delivers, the nexthop as a policy is looked up for it, and the policy with where it stands.

    `problem` says why the policy cannot be had; then smtp(8) cannot have it either.
    """

    service: str
    nexthop: str
    policy: Policy
    source: str
    loglevel: str = "0"
    problem: str = ""

    @property
    def told(self) -> str:
        return f"{self.policy.level} for {self.nexthop} ({self.source})"


def to(recipient: str, live: LiveConfig, host: Host) -> Route:
    """The route of a recipient. Nothing is raised."""
    domain = recipient.rpartition("@")[2].lower()
    service, nexthop = _transport(recipient.lower(), domain, live.view, host)
    entry = live.master.get(service, "unix")
    view = live.view_of(entry) if entry else live.view
    loglevel = view.get("smtp_tls_loglevel")
    try:
        row = _lookup(view, "smtp_tls_policy_maps", _policy_keys(nexthop), host)
        if row is None:
            return Route(service, nexthop, Policy(client_level(view)), "smtp_tls_security_level", loglevel)
        return Route(service, nexthop, policy.parse(row), "smtp_tls_policy_maps", loglevel)
    except (CommandFailed, ValueError) as error:
        return Route(service, nexthop, Policy("none"), "", loglevel, f"smtp_tls_policy_maps: {error}")


def _transport(recipient: str, domain: str, view: View, host: Host) -> tuple[str, str]:
    """Service and nexthop: transport_maps first, then relayhost, then the domain itself."""
    try:
        found = _lookup(view, "transport_maps", (recipient, *_parents(domain), "*"), host) or ""
    except CommandFailed:
        found = ""
    service, _, nexthop = found.partition(":")
    default = view.get("default_transport").partition(":")[0] or "smtp"
    return service or default, (nexthop or ("" if found else view.get("relayhost")) or domain).lower()


def _parents(domain: str) -> Iterator[str]:
    """`a.b.c`, `.b.c`, `.c`."""
    yield domain
    at = domain.find(".")
    while at >= 0:
        yield domain[at:]
        at = domain.find(".", at + 1)


def _policy_keys(nexthop: str) -> tuple[str, ...]:
    """A nexthop with brackets or a port is looked up as it is, a bare domain with its parents."""
    return (nexthop,) if nexthop.startswith("[") or ":" in nexthop else tuple(_parents(nexthop))


def _lookup(view: View, parameter: str, keys: tuple[str, ...], host: Host) -> str | None:
    """The first row of the tables that a parameter names; of several keys the first that any table has."""
    references = [reference.partition(":") for reference in split_list(view.get(parameter))]
    for key in keys:
        for kind, _, path in references:
            found = host.query(kind, path, key)
            if found is not None:
                return found
    return None
