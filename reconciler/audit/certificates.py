"""Certificates and keys that services load: missing, mismatched, ended, about to end, readable by others.

Source: TLS_README, "Server-side certificate and private key"; postconf(5), smtpd_tls_chain_files.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta

from reconciler.audit import remedy
from reconciler.audit.references import PAIRS, SIDES, PemUse, is_used, pem_uses
from reconciler.audit.remedy import by_hand
from reconciler.audit.scene import Running, Said, Scene
from reconciler.model.finding import Finding
from reconciler.model.snapshot import PemFile
from reconciler.postfix.effective import client_level, server_level
from reconciler.postfix.values import split_list

_SOON = timedelta(days=30)
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_RENEW = by_hand("renew it, then postfix reload")


def check(scene: Scene) -> Iterator[Finding]:
    sides = _speaking(scene)
    seen: set[tuple[str, str]] = set()
    for use in pem_uses(scene):
        if (use.path, use.role) in seen or use.path is None or use.parameter.partition("_tls_")[0] not in sides:
            continue
        seen.add((use.path, use.role))
        pem = scene.snapshot.pems.get(use.path)
        if use.path in scene.snapshot.absent or _is_absent_bundle(scene, use):
            yield from (_missing(scene, use),) if scene.in_place else ()
        elif pem is not None and not is_withheld(pem):
            yield from _unusable(scene, use, pem)
            yield from _validity(scene, use, pem)
            yield from _exposed(scene, use, pem)
    yield from _pairs(scene, sides)
    yield from _ignored(scene)
    yield from _without(scene)


def _is_absent_bundle(scene: Scene, use: PemUse) -> bool:
    """Authorities are looked for, and not read: there are hundreds in a file."""
    return use.role == "authorities" and use.path not in scene.surroundings.names


def _speaking(scene: Scene) -> frozenset[str]:
    """The sides that speak TLS at all: files of the others are never loaded."""
    views = [(it.command, scene.live.view_of(it)) for it in scene.services]
    levels = dict.fromkeys(SIDES, False)
    for command, view in views:
        match command:
            case "smtpd":
                levels["smtpd"] |= server_level(view) != "none"
            case "smtp":
                levels["smtp"] |= client_level(view) != "none" or bool(view.get("smtp_tls_policy_maps"))
            case "lmtp":
                levels["lmtp"] |= view.get("lmtp_tls_security_level").lower() not in ("", "none")
            case _:
                pass
    return frozenset(side for side, speaks in levels.items() if speaks)


def is_withheld(pem: PemFile) -> bool:
    """Whether this user may not read the file: nothing is known of it then."""
    return pem.problem.startswith("not permitted")


def _at_file(scene: Scene, use: PemUse) -> Said:
    """A finding about the file itself; its position is where the file is named."""
    address = scene.said_file(use.path or use.written).address
    return Said(address, use.said.position, use.said.text)


def _missing(scene: Scene, use: PemUse) -> Finding:
    said, evidence = _at_file(scene, use), f"{use.said.text}: there is no {use.path}"
    fix = by_hand("put the file there, or name another")
    if use.role == "authorities":
        why = "the daemon turns TLS off over it, and says so in its log only"
        return said.finding("ca_file_missing", why, fix, evidence)
    why = "smtpd answers STARTTLS with 454, smtp sends without TLS; only the log says why"
    return said.finding("certificate_missing", why, fix, evidence)


def _unusable(scene: Scene, use: PemUse, pem: PemFile) -> Iterator[Finding]:
    said = _at_file(scene, use)
    if use.role == "chain" and pem.order[:1] == ("certificate",) and "key" in pem.order:
        why = "Postfix loads none of it and turns TLS off: the key must come first"
        fix = by_hand(f"write the key, then its certificates, into {use.path}")
        yield said.finding("key_not_first", why, fix, f"{said.text}: certificate first, key behind it")
    elif use.role == "chain" and "does not belong" in pem.problem:
        why = "Postfix cannot use the pair, and turns TLS off"
        fix = by_hand("put the right key in front of the certificates")
        yield said.finding("key_mismatch", why, fix, f"{said.text}: {pem.problem}")
    elif not _is_complete(use, pem):
        what = pem.problem or f"no {'certificate' if use.role == 'certificate' else 'private key'} in it"
        why = "Postfix cannot load it, and turns TLS off"
        fix = by_hand("make it anew; a chain file holds the key first, then its certificates")
        yield said.finding("certificate_unusable", why, fix, f"{said.text}: {what}")
    elif pem.problem.startswith(("the chain is out of order", "the chain is broken")):
        why = "clients that verify may not find the way to the authority"
        fix = by_hand("write the issuers' certificates in order, each behind the one it issued")
        yield said.finding("chain_out_of_order", why, fix, f"{said.text}: {pem.problem}")


def _is_complete(use: PemUse, pem: PemFile) -> bool:
    """Whether what the role needs could be read, whatever else is wrong with the file."""
    has_key, has_certificate = pem.key_public_sha256 is not None, bool(pem.certificates)
    match use.role:
        case "chain":
            return has_key and has_certificate
        case "key":
            return has_key
        case _:
            return has_certificate


def _validity(scene: Scene, use: PemUse, pem: PemFile) -> Iterator[Finding]:
    leaf = pem.certificates[0] if pem.certificates else None
    if use.role == "key" or leaf is None:
        return
    now = scene.snapshot.now
    said = _at_file(scene, use)
    if now > leaf.not_after:
        evidence = f"{use.said.text}: it ended on {leaf.not_after:%Y-%m-%d}"
        yield said.finding("certificate_expired", "clients that verify refuse it", _RENEW, evidence)
    elif now < leaf.not_before:
        evidence = f"{use.said.text}: it begins on {leaf.not_before:%Y-%m-%d}"
        fix = by_hand("wait, or set the clock")
        yield said.finding("certificate_not_yet_valid", "clients that verify refuse it", fix, evidence)
    elif leaf.not_after - now < _SOON:
        evidence = f"{use.said.text}: it ends on {leaf.not_after:%Y-%m-%d}, in {(leaf.not_after - now).days} days"
        yield said.finding("certificate_expiring", "clients that verify will refuse it then", _RENEW, evidence)


def _exposed(scene: Scene, use: PemUse, pem: PemFile) -> Iterator[Finding]:
    exposed = pem.key_public_sha256 is not None and pem.mode & _OTHERS
    if not exposed or not scene.in_place or not use.path or not can_reach(scene, use.path):
        return
    said = _at_file(scene, use)
    why = "every user of the host can read the private key, and pass for it"
    fix = by_hand(f"chmod o-rw {use.path}, and replace the key if others may have read it")
    yield said.finding("key_exposed", why, fix, f"{use.path} has mode {pem.mode:04o}")


def can_reach(scene: Scene, path: str) -> bool:
    """Whether others can traverse every directory on the way to where a name leads."""
    names = scene.surroundings.names
    name = names.get(path)
    if name is None:
        return False
    parts = name.target.split("/")
    above = ["/".join(parts[:at]) or "/" for at in range(1, len(parts))]
    return all(it in names and names[it].mode & stat.S_IXOTH for it in above)


# --- the older pairs ----------------------------------------------------------------------------------------------


def _owners(scene: Scene) -> Iterator[Running]:
    yield scene.main
    yield from (scene.running(it) for it in scene.services if any("_tls_" in name for name in it.overrides))


def _pairs(scene: Scene, sides: frozenset[str]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for running in _owners(scene):
        for prefix in (f"{side}_tls_{pair}" for side in sorted(sides) for pair in PAIRS):
            names = (f"{prefix}cert_file", f"{prefix}key_file")
            where = (running.view.get(names[0]), running.view.get(names[1]))
            if where not in seen and is_used(running, names[0]) and _differ(*(_pem(scene, it) for it in where)):
                said = scene.said(names[1], running)
                why = "the key does not belong to the certificate: Postfix turns TLS off"
                fix = by_hand("name the key that the certificate was made for")
                yield said.finding("key_mismatch", why, fix, f"{said.text}; {scene.said(names[0], running).text}")
            seen.add(where)


def _pem(scene: Scene, written: str) -> PemFile | None:
    path = scene.resolve(written) if written else None
    return scene.snapshot.pems.get(path) if path else None


def _differ(certificate: PemFile | None, key: PemFile | None) -> bool:
    if certificate is None or key is None or not certificate.certificates or key.key_public_sha256 is None:
        return False
    return certificate.certificates[0].public_key_sha256 != key.key_public_sha256


def _ignored(scene: Scene) -> Iterator[Finding]:
    for side in SIDES:
        chain = f"{side}_tls_chain_files"
        if not scene.live.view.get(chain):
            continue
        for name in (f"{side}_tls_{pair}{kind}_file" for pair in PAIRS for kind in ("cert", "key")):
            if scene.live.explicit.get(name):
                said = scene.said(name)
                why = f"Postfix takes {chain} instead, and warns of it"
                fix = by_hand(f"remove {name}")
                yield said.finding("certificate_ignored", why, fix, f"{said.text}; {scene.said(chain).text}")


def _without(scene: Scene) -> Iterator[Finding]:
    """Listeners that shall speak TLS and have no certificate; `none` says that this is meant."""
    names = ("smtpd_tls_chain_files", *(f"smtpd_tls_{pair}cert_file" for pair in PAIRS))
    bare = [
        it.service.name
        for it in scene.listeners
        if it.service and server_level(it.view) != "none" and not any(split_list(it.view.get(name)) for name in names)
    ]
    if bare:
        why = "TLS is not offered there, and where it is required no mail is taken"
        evidence = f"TLS is asked for at {', '.join(bare)}, and neither {' nor '.join(names)} is set"
        yield scene.said(names[0]).finding("no_certificate", why, remedy.declare(remedy.SELF_SIGNED), evidence)
