"""TLS policy tables: rows that Postfix cannot use, that switch TLS off, and rows that no mail will ever meet.

Source: smtp/smtp_tls_policy.c; postconf(5), smtp_tls_policy_maps; measured: a row of another form than the nexthop is
passed over, and the mail leaves in plaintext.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.audit import nexthops
from reconciler.audit.references import POLICY_MAPS, table_uses
from reconciler.audit.remedy import by_hand, declare
from reconciler.audit.scene import Said, Scene, is_loopback
from reconciler.errors import Position
from reconciler.live.paths import in_address
from reconciler.model.address import RowAddress
from reconciler.model.finding import Finding
from reconciler.postfix import policy
from reconciler.postfix.effective import View, client_level
from reconciler.postfix.policy import Policy

_VERIFYING = ("verify", "secure")


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A row that Postfix can use. `key` is the nexthop it is for."""

    key: str
    policy: Policy
    said: Said


@dataclass(frozen=True, slots=True)
class _Raw:
    key: str
    text: str
    said: Said
    ordered: bool  # a pattern, not a nexthop


def policy_rows(scene: Scene) -> tuple[PolicyRow, ...]:
    """The rows in force of every policy table that can be read and is no list of patterns."""
    parsed = ((row, _read(scene, row.text)) for row in _rows(scene))
    return tuple(PolicyRow(row.key, it, row.said) for row, it in parsed if isinstance(it, Policy) and not row.ordered)


def check(scene: Scene) -> Iterator[Finding]:
    known = nexthops.of(scene)
    for row in _rows(scene):
        read = _read(scene, row.text)
        if not isinstance(read, Policy):
            yield _invalid(row, read)
            continue
        yield from _judge(scene, row, read)
        reason = "" if row.ordered else _never(row.key, known)
        if reason:
            yield _unmet(row, reason, known)
    yield from _without_authorities(scene)


def _rows(scene: Scene) -> Iterator[_Raw]:
    paths = dict.fromkeys(use.path for use in table_uses(scene) if use.parameter in POLICY_MAPS and use.path)
    for path in paths:
        table = scene.live.tables.get(path)
        if table is None:
            continue
        for row in table.rows.values():
            key, text = (it.decode("utf-8", "surrogateescape") for it in (row.key, row.value))
            if not table.indexed and (key.lower() == "if" or "$" in text):
                continue  # what it says is only known of a nexthop
            address = RowAddress(in_address(path, scene.directory), key)
            said = Said(address, Position(path, row.line), f"{key} {' '.join(text.split())}")
            yield _Raw(key, text, said, ordered=not table.indexed)


def _read(scene: Scene, text: str) -> Policy | str:
    """The policy, as far as Postfix reads it, or why it cannot."""
    words = text.replace(",", " ").split()
    level = words[0].lower() if words else ""
    try:
        if level == "none":
            return Policy("none")
        if level == "fingerprint" and scene.live.view.get("smtp_tls_fingerprint_cert_match"):
            words.append("match=any")  # what main.cf says is taken where the row says nothing
        return policy.parse(" ".join(_last_of_each(words)))
    except ValueError as error:
        return str(error)


def _last_of_each(words: list[str]) -> list[str]:
    """Of an attribute that stands twice the last counts; some may stand several times."""
    kept: dict[str, str] = {}
    for number, word in enumerate(words):
        name = word.partition("=")[0].lower()
        kept[name if "=" in word and name not in policy.REPEATABLE else str(number)] = word
    return list(kept.values())


def _invalid(row: _Raw, what: str) -> Finding:
    problem, _, advice = what.partition("; ")
    why = f"{problem}; mail for it is deferred: TLS configuration problem"
    return row.said.finding("policy_invalid", why, by_hand(advice or "correct the row, then postmap"))


def _judge(scene: Scene, row: _Raw, read: Policy) -> Iterator[Finding]:
    unknown = policy.unknown_to(read, scene.live.version)
    if unknown:
        since = ".".join(map(str, policy.introduced(unknown[0])))
        why = f"{unknown[0]} came with Postfix {since}; {scene.snapshot.mail_version} defers every mail for it"
        yield row.said.finding("policy_invalid", why, by_hand(f"remove {unknown[0]}="))
    if read.level == "none":
        if len(row.text.split()) > 1:
            why = "Postfix warns of attributes behind none, and passes over them"
            yield row.said.finding("policy_attributes_ignored", why, by_hand("remove what stands behind none"))
        if not row.ordered and not is_loopback(_with_port(row.key)):
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


def _unmet(row: _Raw, reason: str, known: nexthops.NextHops) -> Finding:
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


def _without_authorities(scene: Scene) -> Iterator[Finding]:
    """Levels that verify need authorities to verify against."""
    every = [scene.running(it) for it in scene.services if it.command == "smtp"]
    if any(_has_authorities(it.view) for it in every):
        return
    why = "no authority is trusted, so that no certificate is: the mail is deferred"
    fix = declare({"outgoing": {"ca_file": "/etc/ssl/certs/ca-certificates.crt"}}, "with the file this system has")
    for client in scene.clients:
        if client_level(client.view) in _VERIFYING:
            yield scene.said("smtp_tls_security_level", client).finding("verify_without_ca", why, fix)
    for row in policy_rows(scene):
        if row.policy.level in _VERIFYING and "tafile" not in dict(row.policy.attributes):
            yield row.said.finding("verify_without_ca", why, fix)


def _has_authorities(view: View) -> bool:
    named = any(view.get(f"smtp_tls_{name}") for name in ("CAfile", "CApath"))
    return named or view.is_yes("tls_append_default_CA")
