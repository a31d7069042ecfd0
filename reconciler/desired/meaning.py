"""What a merged state must say as a whole: checks over more than one key, of mistakes Postfix does not report."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.desired import files
from reconciler.desired.kinds import ClientLevel, SaslType, ServerLevel
from reconciler.desired.state_file import Certificate, HostFile, Submission, Submissions
from reconciler.desired.tree import Mapping, Node, Scalar, Sequence, entry_at, key_origin_at, origin_at
from reconciler.errors import Position, Problem
from reconciler.postfix import endpoint, values

_LEGACY = tuple(
    f"smtpd_tls_{kind}{file}" for kind in ("", "d", "ec") for file in ("cert_file", "key_file")
)  # dsa and ecdsa have their own pairs


def check(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    """The problems between keys of one host's merged state, each at the key to change."""
    yield from _nothing(tree)
    yield from _certificates(file, tree)
    yield from _client_certificate(file, tree)
    yield from _needs_certificate(file, tree)
    yield from _floor(file, tree)
    yield from _services(file, tree)
    yield from _sasl(file, tree)
    yield from files.check(file, tree)


_DECLARING = ("certificates", "incoming", "outgoing", "submission", "submissions", "parameters")


def _nothing(tree: Mapping) -> Iterator[Problem]:
    """A file without a section, and without `enforce`, which `import` writes alone for a host without TLS."""
    if entry_at(tree, "enforce") is not None:
        return
    if any(_says_something(tree, section) for section in _DECLARING):
        return
    yield Problem(
        tree.origin.position,
        "it declares nothing; an empty file never means 'remove everything'",
        fix=f"write at least one of: {', '.join(_DECLARING)}",
        why="a service is removed by 'enabled: no', a host by deleting its file",
    )


def _says_something(tree: Mapping, section: str) -> bool:
    entry = entry_at(tree, section)
    if entry is None:
        return False
    return section in ("submission", "submissions") or _holds_a_value(entry.value)


def _holds_a_value(node: Node) -> bool:
    match node:
        case Scalar():
            return not node.is_absent
        case Sequence():
            return bool(node.items)
        case Mapping():
            return any(_holds_a_value(entry.value) for entry in node.entries.values())


def _certificates(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    for name, certificate in (file.certificates or {}).items():
        if isinstance(certificate, Certificate):
            place = key_origin_at(tree, "certificates", name).position
            yield from _kind_of(f"certificates.{name}", place, certificate, is_default=name == "default")
            yield from _until_present(name, certificate, tree)
    legacy = next((name for name in _LEGACY if name in (file.parameters or {})), None)
    default = (file.certificates or {}).get("default")
    if legacy and isinstance(default, Certificate):
        other = origin_at(tree, "certificates", "default")
        yield Problem(
            key_origin_at(tree, "parameters", legacy).position,
            f"parameters.{legacy}: the default certificate is declared already, at {other}",
            fix="keep one of them",
            why="where smtpd_tls_chain_files is set, Postfix ignores the older pair (postconf(5))",
        )


def _kind_of(where: str, place: Position, certificate: Certificate, *, is_default: bool) -> Iterator[Problem]:
    pair = certificate.cert_file is not None or certificate.key_file is not None
    kinds = [
        word
        for word, given in (
            ("chain_files", certificate.chain_files is not None),
            ("cert_file and key_file", pair),
            ("certbot", certificate.certbot is not None),
        )
        if given
    ]
    if len(kinds) != 1:
        stands = f"{' beside '.join(kinds)}" if kinds else "it names no files"
        fix = "keep exactly one of: chain_files, cert_file and key_file, certbot"
        yield Problem(place, f"{where}: {stands}", fix)
    elif pair and (certificate.cert_file is None or certificate.key_file is None):
        missing = "key_file" if certificate.key_file is None else "cert_file"
        yield Problem(place, f"{where}: {missing} is missing", f"write {missing}, or chain_files with both in one file")
    elif pair and not is_default:
        why = "a table of server names holds whole PEM files (postconf(5), tls_server_sni_maps)"
        yield Problem(place, f"{where}: cert_file and key_file are for 'default' only", "write chain_files", why)


def _until_present(name: str, certificate: Certificate, tree: Mapping) -> Iterator[Problem]:
    if certificate.until_present is not None and certificate.chain_files and len(certificate.chain_files) > 1:
        yield Problem(
            origin_at(tree, "certificates", name, "until_present").position,
            f"certificates.{name}.until_present: there are {len(certificate.chain_files)} chain_files",
            fix="name one file, or remove until_present",
            why="one self-signed certificate is made, into one file",
        )
    pair = (certificate.cert_file, certificate.key_file)
    if certificate.until_present is not None and None not in pair and pair[0] == pair[1]:
        yield Problem(
            origin_at(tree, "certificates", name, "key_file").position,
            f"certificates.{name}: cert_file and key_file are one file, {pair[0]}",
            fix="write chain_files with that one file",
            why="the certificate made until then would be written over its own key",
        )


def _client_certificate(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    out = file.outgoing
    if out is None:
        return
    place = key_origin_at(tree, "outgoing").position
    pair = (out.cert_file is not None, out.key_file is not None)
    if out.chain_files is not None and any(pair):
        place = key_origin_at(tree, "outgoing", "cert_file" if pair[0] else "key_file").position
        yield Problem(place, "outgoing: chain_files beside cert_file and key_file", "keep one of them")
    elif pair in ((True, False), (False, True)):
        missing = "key_file" if pair[0] else "cert_file"
        yield Problem(
            place, f"outgoing: {missing} is missing", f"write {missing}, or chain_files with both in one file"
        )


def _needs_certificate(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    """One problem, at the first key that turns TLS on, where no certificate is declared."""
    if "default" in (file.certificates or {}):
        return
    if any(name in (file.parameters or {}) for name in ("smtpd_tls_chain_files", *_LEGACY)):
        return
    for key, turned_on in (
        (("incoming", "security_level"), file.incoming is not None and _is_on(file.incoming.security_level)),
        (("submission",), file.submission is not None and file.submission.enabled),
        (("submissions",), file.submissions is not None and file.submissions.enabled),
    ):
        if turned_on:
            yield Problem(
                origin_at(tree, *key).position,
                f"{'.'.join(key)}: TLS is on, and no certificate is declared",
                fix="write certificates.default, or 'default: unmanaged' there where something else manages it",
                why="Postfix would start, log one warning and offer no STARTTLS (TLS_README)",
            )
            return


def _is_on(level: ServerLevel | None) -> bool:
    return level in (ServerLevel.MAY, ServerLevel.ENCRYPT)


def _floor(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    """A profile of TLS 1.3 alone, where TLS is opportunistic: one problem, at the key that chose the profile."""
    sides = []
    if file.incoming is not None and file.incoming.security_level is ServerLevel.MAY:
        sides.append(("incoming", file.incoming.security_level.value))
    if file.outgoing is not None and file.outgoing.security_level in (ClientLevel.MAY, ClientLevel.DANE):
        sides.append(("outgoing", file.outgoing.security_level.value))
    for side, level in sides:
        entry = entry_at(tree, side, "protocols")
        if entry is None or not isinstance(entry.value, Scalar) or not entry.value.source.layer.startswith("profile "):
            continue
        if values.enabled_protocols(entry.value.text) == {"TLSv1.3"}:
            yield Problem(
                origin_at(tree, "profile").position,
                f"profile: {file.profile!r} allows TLS 1.3 alone, and {side}.security_level is {level}",
                fix=f'choose intermediate, or write {side}.protocols: ">=TLSv1.2"',
                why="a server without TLS 1.3 would fall back to plaintext, the worse of the two (RFC 7435)",
            )
            return


def _services(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    enabled: dict[str, Submission | Submissions] = {}
    for name, service in (("submission", file.submission), ("submissions", file.submissions)):
        if service is None or not service.enabled:
            continue
        enabled[name] = service
        if service.sasl is None:
            yield Problem(
                origin_at(tree, name).position,
                f"{name}.sasl is missing",
                fix="write sasl: {type: dovecot, path: private/auth}, or {type: cyrus, path: smtpd}",
                why="the service serves authenticated clients only, and nobody could log in",
            )
    places = [endpoint.canonical(service.listen) for service in enabled.values()]
    if len(places) == 2 and places[0] == places[1]:
        yield Problem(
            origin_at(tree, "submissions", "listen").position,
            f"submissions.listen: {places[0]} is what submission listens on",
            fix="write another port",
            why="master(8) takes the last of two services with one address",
        )


def _sasl(file: HostFile, tree: Mapping) -> Iterator[Problem]:
    for name, service in (("submission", file.submission), ("submissions", file.submissions)):
        if service is None or service.sasl is None:
            continue
        path = service.sasl.path
        is_dovecot = service.sasl.type is SaslType.DOVECOT
        if _is_socket(path) if is_dovecot else "/" not in path and _is_socket(path):
            continue
        what = "no socket below the queue directory" if is_dovecot else "no name of a Cyrus configuration"
        yield Problem(
            origin_at(tree, name, "sasl", "path").position,
            f"{name}.sasl.path: {path!r} is {what}",
            fix="write a relative path, such as private/auth" if is_dovecot else "write a plain name, such as smtpd",
            why="whoever answers there decides who may relay: a commit must not be able to point elsewhere",
        )


def _is_socket(path: str) -> bool:
    return all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", step) for step in path.split("/"))
