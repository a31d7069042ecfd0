"""How strong TLS is where it is spoken: levels, protocols, ciphers, digests, as each service runs with them.

Source: postconf(5); TLS_README; RFC 8996, which ends TLS 1.0 and 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from reconciler.audit import policy_rows, remedy
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Running, Said, Scene
from reconciler.model.address import Address
from reconciler.model.finding import Finding, Fix
from reconciler.postfix import values
from reconciler.postfix.effective import View, client_level, server_level
from reconciler.postfix.policy import MANDATORY

_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
_FLOOR: Final = ">=TLSv1.2"
_WEAK_GRADES = ("low", "export", "null")
_GRADES_FOLDED = (3, 8)  # from there on low and export mean medium
_WEAK_CIPHERS = ("EXP", "EXPORT", "EXPORT40", "EXPORT56", "LOW", "NULL", "eNULL", "RC4", "RC2", "DES", "3DES", "MD5")
_CIPHERLISTS = ("tls_high_cipherlist", "tls_medium_cipherlist")
_WEAK_DIGESTS = ("md5", "sha1")
_NOWHERE = ("error:", "discard:", "retry:", "local:", "virtual:")


def check(scene: Scene) -> Iterator[Finding]:
    findings: dict[tuple[str, Address], Finding] = {}
    for found in (*_incoming(scene), *_outgoing(scene), *_ciphers(scene), *_digests(scene), *_dane(scene)):
        findings.setdefault((found.rule, found.address), found)  # several services may share a line of main.cf
    yield from findings.values()


def _incoming(scene: Scene) -> Iterator[Finding]:
    for listener in scene.listeners:
        level = server_level(listener.view)
        name = "smtpd_tls_mandatory_protocols" if level == "encrypt" else "smtpd_tls_protocols"
        if level != "none":
            yield from _protocols(scene, name, listener)
            yield from _grade(scene, name.replace("protocols", "ciphers"), listener)
            if listener.view.get("smtpd_tls_loglevel") == "0":
                yield _unlogged(scene, "smtpd_tls_loglevel", listener)
        elif not listener.says("smtpd_tls_security_level"):
            said = scene.said("smtpd_tls_security_level", listener)
            yield said.finding("tls_off_incoming", "mail comes in readable to everybody on its way", _on(scene))


def _on(scene: Scene) -> Fix:
    has_certificate = any(scene.live.view.get(f"smtpd_tls_{name}") for name in ("chain_files", "cert_file"))
    keys = remedy.setting("smtpd_tls_security_level", "may")
    return remedy.declare(keys if has_certificate else {**keys, **remedy.SELF_SIGNED})


def _outgoing(scene: Scene) -> Iterator[Finding]:
    mandatory = bool(policy_rows.levels(scene) & MANDATORY)
    sends = not scene.live.view.get("default_transport").lower().startswith(_NOWHERE)
    for client in scene.clients if sends else ():
        level = client_level(client.view)
        if level == "none":
            if not client.says("smtp_tls_security_level"):
                why = "mail leaves readable to everybody on its way, also where the other side offers TLS"
                said = scene.said("smtp_tls_security_level", client)
                yield said.finding("tls_off_outgoing", why, remedy.parameter("smtp_tls_security_level", "may"))
            continue
        names = ["smtp_tls_protocols"] if level in ("may", "dane") else []
        names += ["smtp_tls_mandatory_protocols"] if level != "may" or mandatory else []
        for name in names:
            yield from _protocols(scene, name, client)
            yield from _grade(scene, name.replace("protocols", "ciphers"), client)
        if client.view.get("smtp_tls_loglevel") == "0":
            yield _unlogged(scene, "smtp_tls_loglevel", client)


def _unlogged(scene: Scene, name: str, running: Running) -> Finding:
    why = "the log does not tell which sessions used TLS"
    return scene.said(name, running).finding("tls_not_logged", why, remedy.parameter(name, "1"))


def _protocols(scene: Scene, name: str, running: Running) -> Iterator[Finding]:
    old = old_protocols(running.view.get(name))
    if old:
        said = scene.said(name, running)
        evidence = f"{said.text}: {', '.join(old)} enabled"
        broken = "SSLv3 is broken, and " if "SSLv3" in old else ""
        why = f"{broken}RFC 8996 ends TLS 1.0 and 1.1; whoever sits between can ask for them"
        floor = values.protocols_for(_FLOOR, scene.live.version)
        yield said.finding("old_protocols", why, _for(running, name, floor), evidence)


def old_protocols(text: str) -> tuple[str, ...]:
    """The protocols below TLS 1.2 that a list leaves enabled; none where it is no list."""
    try:
        enabled = values.enabled_protocols(text)
    except ValueError:
        return ()
    return tuple(it for it in _OLD if it in enabled)


def _for(running: Running, name: str, value: str) -> Fix:
    """The parameter in main.cf; where an option of the service says otherwise, that must go."""
    if running.says(name):
        return remedy.parameter(name, value, f"remove -o {name} from the service, so that main.cf counts")
    return remedy.parameter(name, value)


def _grade(scene: Scene, name: str, running: Running) -> Iterator[Finding]:
    grade = running.view.get(name).lower()
    if grade in _WEAK_GRADES and (scene.live.version < _GRADES_FOLDED or grade == "null"):
        why = "it lets a session agree on ciphers that are broken"
        fix = _for(running, name, "medium")
        yield scene.said(name, running).finding("weak_cipher_grade", why, fix)


def _ciphers(scene: Scene) -> Iterator[Finding]:
    for name in _CIPHERLISTS:
        text = scene.live.view.get(name)
        default = scene.live.defaults.get(name, "")
        if name not in scene.live.explicit or text == default:
            continue
        said = scene.said(name)
        fix = by_hand(f"remove {name}, and set grades: incoming.ciphers, outgoing.ciphers")
        weak = _named_weak(text)
        if weak:
            why = "it names ciphers that are broken, and none of the grades leaves them out"
            yield said.finding("weak_cipherlist", why, fix, f"{said.text}: {', '.join(weak)}")
        else:
            why = "postconf(5) advises strongly against it: the list grows old, and OpenSSL's own does not"
            yield said.finding("cipherlist_changed", why, fix)


def _named_weak(text: str) -> tuple[str, ...]:
    """The weak kinds that a list of OpenSSL's adds and does not take away; `+X` only moves what is there."""
    words = [word for word in re.split(r"[:, ]+", text) if word]
    removed = {word[1:] for word in words if word[0] in "!-"}
    added = {part for word in words if word[0] not in "!-+@" for part in (*word.split("+"), *word.split("-"))}
    return tuple(it for it in _WEAK_CIPHERS if it in added and it not in removed)


def _digests(scene: Scene) -> Iterator[Finding]:
    """Only where fingerprints are compared at all."""
    uses = {"smtpd_tls_fingerprint_digest": _compares_clients(scene), "smtp_tls_fingerprint_digest": _pins(scene)}
    for name, used in uses.items():
        digest = scene.live.view.get(name).lower()
        if used and digest in _WEAK_DIGESTS:
            said = scene.said(name)
            why = "two keys of one fingerprint can be made; sha256 is Postfix's own default since 3.6"
            fix = remedy.parameter(name, "sha256", "make the fingerprints in its tables anew, then")
            yield said.finding("weak_fingerprint_digest", why, fix, f"{said.text}: {digest}")


def _compares_clients(scene: Scene) -> bool:
    lists = (value.lower() for name, value in scene.live.explicit.items() if name.endswith("_restrictions"))
    asking = any("check_ccert_access" in text or "permit_tls_clientcerts" in text for text in lists)
    return asking and any(_asks(listener.view) for listener in scene.listeners)


def _asks(view: View) -> bool:
    return view.is_yes("smtpd_tls_ask_ccert") or view.is_yes("smtpd_tls_req_ccert")


def _pins(scene: Scene) -> bool:
    return "fingerprint" in policy_rows.levels(scene) | {client_level(it.view) for it in scene.clients}


def _dane(scene: Scene) -> Iterator[Finding]:
    why = "without DNSSEC look-ups no TLSA record is believed, and mail leaves in plaintext"
    for client in scene.clients:
        if client.view.get("smtp_dns_support_level").lower() == "dnssec":
            continue
        level = client_level(client.view)
        if level in ("dane", "dane-only"):
            said = scene.said("smtp_tls_security_level", client)
            fix = remedy.parameter(
                "smtp_tls_security_level", level, "declared, it brings smtp_dns_support_level = dnssec"
            )
            yield said.finding("dane_without_dnssec", why, fix, _with_support(scene, said, client))


def _with_support(scene: Scene, said: Said, client: Running) -> str:
    return f"{said.text}; {scene.said('smtp_dns_support_level', client).text}"
