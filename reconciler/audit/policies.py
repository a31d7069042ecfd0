"""TLS policy tables: rows that Postfix cannot use, that switch TLS off, and rows that no mail will ever meet.

Source: smtp/smtp_tls_policy.c; postconf(5), smtp_tls_policy_maps; measured: a row of another form than the nexthop is
passed over, and the mail leaves in plaintext.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.audit import nexthops, policy_rows
from reconciler.audit.policy_rows import PolicyRow
from reconciler.audit.remedy import by_hand, declare, parameter
from reconciler.audit.scene import Scene, is_loopback
from reconciler.model.finding import Finding
from reconciler.postfix import policy
from reconciler.postfix.effective import View, client_level
from reconciler.postfix.policy import Policy

_VERIFYING = ("verify", "secure")
_DANE = ("dane", "dane-only")
_NO_AUTHORITY = "no authority is trusted, so that no certificate is: the mail is deferred"
_NAME_ONE = declare({"outgoing": {"ca_file": "/etc/ssl/certs/ca-certificates.crt"}}, "with the file this system has")


def check(scene: Scene) -> Iterator[Finding]:
    known = nexthops.of(scene)
    trusting = _trusts_authorities(scene)
    blind = [it for it in scene.clients if it.view.get("smtp_dns_support_level").lower() != "dnssec"]
    for row in policy_rows.rows(scene):
        if not isinstance(row.read, Policy):
            yield _invalid(row, row.read)
            continue
        yield from _judge(scene, row, row.read)
        if row.is_pattern or not row.of_smtp:
            continue
        if blind and row.read.level in _DANE:
            yield _blind(row, scene.said("smtp_dns_support_level", blind[0]).text)
        if not trusting and row.read.level in _VERIFYING and "tafile" not in dict(row.read.attributes):
            yield row.said.finding("verify_without_ca", _NO_AUTHORITY, _NAME_ONE)
        reason = _never(row.key, known)
        if reason:
            yield _unmet(row, reason, known)
    for client in () if trusting else scene.clients:
        if client_level(client.view) in _VERIFYING:
            said = scene.said("smtp_tls_security_level", client)
            yield said.finding("verify_without_ca", _NO_AUTHORITY, _NAME_ONE)


def _trusts_authorities(scene: Scene) -> bool:
    """Whether any smtp client has authorities to verify against: rows do not say whose they are."""
    return any(_has_authorities(scene.live.view_of(it)) for it in scene.services if it.command == "smtp")


def _has_authorities(view: View) -> bool:
    named = any(view.get(f"smtp_tls_{name}") for name in ("CAfile", "CApath"))
    return named or view.is_yes("tls_append_default_CA")


def _blind(row: PolicyRow, support: str) -> Finding:
    why = "without DNSSEC look-ups no TLSA record is believed, and mail leaves in plaintext"
    fix = parameter("smtp_dns_support_level", "dnssec")
    return row.said.finding("dane_without_dnssec", why, fix, f"{row.said.text}; {support}")


def _invalid(row: PolicyRow, what: str) -> Finding:
    problem, _, advice = what.partition("; ")
    why = f"{problem}; mail for it is deferred: TLS configuration problem"
    return row.said.finding("policy_invalid", why, by_hand(advice or "correct the row, then postmap"))


def _judge(scene: Scene, row: PolicyRow, read: Policy) -> Iterator[Finding]:
    unknown = policy.unknown_to(read, scene.live.version)
    if unknown:
        since = ".".join(map(str, policy.introduced(unknown[0])))
        why = f"{unknown[0]} came with Postfix {since}; {scene.snapshot.mail_version} defers every mail for it"
        yield row.said.finding("policy_invalid", why, by_hand(f"remove {unknown[0]}="))
    if read.level == "none":
        if len(row.text.split()) > 1:
            why = "Postfix warns of attributes behind none, and passes over them"
            yield row.said.finding("policy_attributes_ignored", why, by_hand("remove what stands behind none"))
        if not row.is_pattern and not is_loopback(_with_port(row.key)):
            why = "mail for it leaves readable to everybody on its way, also where the other side offers TLS"
            fix = (
                declare({"outgoing": {"policies": {row.key: "may"}}}) if _is_nexthop(row.key) else by_hand("write may")
            )
            yield row.said.finding("policy_turns_tls_off", why, fix)


def _with_port(key: str) -> str:
    return key if key.rpartition(":")[2].isdigit() else f"{key}:25"


def _is_nexthop(key: str) -> bool:
    try:
        return policy.parse_nexthop(key) == key
    except ValueError:
        return False


def _is_policy(text: str) -> bool:
    try:
        policy.parse(text)
    except ValueError:
        return False
    return True


# --- rows that are never met --------------------------------------------------------------------------------------


def _never(key: str, known: nexthops.NextHops) -> str:
    """Why no mail will meet the row, where that is certain."""
    if key in known.explicit:
        return ""
    if "@" in key:
        return "a policy is looked up by nexthop, never by address"
    if "*" in key:
        return "a policy table knows no '*'; the row .example.com means every subdomain"
    if key.startswith(".") and ("[" in key or ":" in key):
        return "subdomains are looked up as bare names: brackets and ports match verbatim only"
    if key in known.by_domain:
        return f"transport_maps sends it to {known.by_domain[key]}, and that is what is looked up"
    similar = [it for it in known.explicit if nexthops.bare(it) == nexthops.bare(key)]
    if similar and known.complete and key not in known.domains:
        return f"mail goes to {similar[0]}, and that is what is looked up, brackets and port included"
    return ""


def _unmet(row: PolicyRow, reason: str, known: nexthops.NextHops) -> Finding:
    meant = known.by_domain.get(row.key) or next(
        (it for it in known.explicit if nexthops.bare(it) == nexthops.bare(row.key)), ""
    )
    why = f"{reason}; the mail is sent as if the row were not there"
    text = " ".join(row.text.split())
    if meant and _is_nexthop(meant) and _is_policy(text):
        fix = declare({"outgoing": {"policies": {meant: text}}}, f"write the row for {meant}, then remove this one")
    else:
        fix = by_hand("write the nexthop as Postfix sees it, or remove the row")
    return row.said.finding("policy_never_matches", why, fix)
