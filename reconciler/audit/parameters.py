"""Names and values: parameters that this Postfix does not know or is about to drop, references to nothing, bad values.

Source: `reconciler.postfix.catalogue`; postconf(5); util/mac_parse.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from reconciler.audit import remedy
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Said, Scene, Stated
from reconciler.model.finding import Finding, Fix
from reconciler.postfix import catalogue, scope, values
from reconciler.postfix.catalogue import Parameter
from reconciler.postfix.expand import ExpansionFailed
from reconciler.postfix.restrictions import is_restriction_list

_SIMPLE_REFERENCE = re.compile(r"(?<!\$)\$(?:(\w+)|\{\s*(\w+)\s*\}|\(\s*(\w+)\s*\))", re.ASCII)
_ANY_REFERENCE = re.compile(r"\$[({\s]*(\w+)", re.ASCII)
_MACROS = frozenset({"process_name", "process_id", "service_name", "config_directory"})
_DIGESTS = re.compile(r"(sha|blake|rmd|ripemd|sm3|md5)", re.IGNORECASE)  # OpenSSL has more than one writes
_TABLES_AND_FILES = ("_maps", "_cache_database", "_CAfile", "_CApath", "_file", "_chain_files", "relay_clientcerts")
_NOT_JUDGED = (*_TABLES_AND_FILES, "_exclude_ciphers", "_loglevel")
LEGACY: Final = {
    "smtpd_use_tls": ("smtpd_tls_security_level", "may"),
    "smtpd_enforce_tls": ("smtpd_tls_security_level", "encrypt"),
    "smtp_use_tls": ("smtp_tls_security_level", "may"),
    "smtp_enforce_tls": ("smtp_tls_security_level", "encrypt"),
    "lmtp_use_tls": ("lmtp_tls_security_level", "may"),
    "lmtp_enforce_tls": ("lmtp_tls_security_level", "encrypt"),
}


def check(scene: Scene) -> Iterator[Finding]:
    referred = _referred(scene)
    for stated in scene.values:
        name = stated.name
        if scope.in_scope(name) or name in catalogue.parameters() or is_restriction_list(name):
            yield from _name(scene, stated, used=name in referred)
            yield from _references(stated)
            yield from _value(stated)
        if name in LEGACY:
            yield from _legacy(stated)


def _referred(scene: Scene) -> set[str]:
    """Names that some value refers to: what a person defined for their own use."""
    return {found for stated in scene.values for found in _ANY_REFERENCE.findall(stated.value)}


# --- names --------------------------------------------------------------------------------------------------------


def _name(scene: Scene, stated: Stated, *, used: bool) -> Iterator[Finding]:
    name, said = stated.name, stated.said
    known = catalogue.parameters().get(name)
    if known is None:
        if name not in scene.live.defaults and not used and scope.in_scope(name):
            yield _unknown(scene, name, said)
        return
    version = scene.live.version
    if name not in scene.live.defaults and known.first > version:
        why = f"it came with Postfix {_series(known.first)}, and {scene.snapshot.mail_version} ignores it"
        yield said.finding("parameter_from_later_version", why, by_hand("remove it until Postfix is newer"))
    elif known.removed and known.removed <= version and name not in scene.live.defaults:
        why = f"Postfix {_series(known.removed)} removed it, and {scene.snapshot.mail_version} ignores it"
        yield said.finding("removed_parameter", why, by_hand(f"remove {name}"))
    elif known.deprecated and not _is_overridden(scene, name):
        yield _deprecated(scene, known, stated)


def _unknown(scene: Scene, name: str, said: Said) -> Finding:
    current = [
        it for it in scene.live.defaults if not (known := catalogue.parameters().get(it)) or not known.deprecated
    ]
    close = get_close_matches(name, current, n=1, cutoff=0.9)
    fix = f"write {close[0]}, if that is meant" if close else "remove it"
    return said.finding("unknown_parameter", "no Postfix has this parameter; it does nothing", by_hand(fix))


def _deprecated(scene: Scene, known: Parameter, stated: Stated) -> Finding:
    since = _series(known.deprecated or (0, 0))
    if known.deprecated and known.deprecated <= scene.live.version:
        why = f"Postfix warns of it since {since}, and will drop it"
        return stated.said.finding("deprecated_parameter", why, _replacement(known, stated.value))
    why = f"Postfix {since} and later warn of it; {scene.snapshot.mail_version} does not yet"
    return stated.said.finding("deprecated_later", why, _replacement(known, stated.value))


def _replacement(known: Parameter, value: str) -> Fix:
    if known.name in LEGACY and value.lower() == "yes":
        level, equal = LEGACY[known.name]
        return remedy.parameter(level, equal, f"declare {level} instead, then remove {known.name}")
    if known.name in LEGACY:
        return by_hand(f"remove {known.name}: it is the default")
    text = known.replacement.removeprefix("specify ").strip('"')
    if text.endswith(("_maps", "_level")):
        return by_hand(f"write {text} instead, then remove {known.name}")
    return by_hand(f"remove {known.name}: its default is the better value")


def _is_overridden(scene: Scene, name: str) -> bool:
    return name in LEGACY and bool(scene.live.view.get(LEGACY[name][0]))


def _legacy(stated: Stated) -> Iterator[Finding]:
    level, _ = LEGACY[stated.name]
    standing = stated.running.view.get(level)
    if standing:
        why = f"{level} = {standing} overrides it"
        yield stated.said.finding("legacy_overridden", why, by_hand(f"remove {stated.name}"))


def _series(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


# --- values -------------------------------------------------------------------------------------------------------


def _references(stated: Stated) -> Iterator[Finding]:
    for groups in _SIMPLE_REFERENCE.findall(stated.value):
        other = next(filter(None, groups))
        if stated.running.view.raw(other) is None and other not in _MACROS:
            why = f"{other} is no parameter and stands nowhere in main.cf: the reference gives nothing"
            fix = by_hand(f"write {other} = … into main.cf, or the value itself")
            yield stated.said.finding("undefined_reference", why, fix)


def _value(stated: Stated) -> Iterator[Finding]:
    name, said = stated.name, stated.said
    try:
        expanded = stated.running.view.expand(stated.value)
    except ExpansionFailed as failed:
        why = f"{failed}"
        yield said.finding("expansion_failed", why, by_hand("close the reference, or write $$ for a dollar sign"))
        return
    if is_restriction_list(name) or name.endswith(_NOT_JUDGED) or not scope.in_scope(name):
        return
    if name.endswith("_digest") and _DIGESTS.match(expanded):
        return
    if _is_of_other_side(name, expanded):
        why = "smtpd has no such level, warns in its log, and takes it for encrypt"
        yield said.finding("client_level_on_server", why, remedy.parameter(name, "encrypt"))
        return
    try:
        values.check(name, expanded)
    except ValueError as error:
        what, _, advice = str(error).rpartition("; ")
        why = f"{what or advice}; {_consequence(name, expanded)}"
        why += "; behind a value # begins no comment" if "#" in expanded else ""
        yield said.finding("bad_value", why, by_hand(advice if what else "correct it"))


def _is_of_other_side(name: str, value: str) -> bool:
    level = value.lower()
    return name == "smtpd_tls_security_level" and level in values.CLIENT_LEVELS and level not in values.SERVER_LEVELS


def _consequence(name: str, value: str) -> str:
    """What a session sees. Source: measured with Postfix 3.7.11."""
    if name.endswith(("_protocols", "_digest")):
        return "Postfix turns TLS off, and says so in its log only"
    if name.endswith("_ciphers") and value:
        return "handshakes fail"
    return "the daemon that reads it dies, again and again"
