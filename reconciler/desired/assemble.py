"""A validated host file → DesiredState: every key as the parameters, tables, services and files it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import NamedTuple

from reconciler.desired import dnssec, parameters, readers, services, tables
from reconciler.desired.kept import Kept
from reconciler.desired.maps import MapRow
from reconciler.desired.state_file import PARAMETERS, Certificate, HostFile, Incoming, Outgoing, SelfSignedCertificate
from reconciler.desired.tree import Mapping, entry_at, key_origin_at, origin_at
from reconciler.errors import Problem, StateInvalid
from reconciler.model.desired import (
    DesiredCertificate,
    DesiredParameter,
    DesiredState,
    Part,
    SelfSigned,
    Waiver,
)


class Subject(NamedTuple):
    """Whose state it is: the host, the instance (empty for the only one), and the path of the host file."""

    host: str
    instance: str
    path: str


def assemble(
    subject: Subject, file: HostFile, tree: Mapping, maps: MappingOf[str, tuple[MapRow, ...]], kept: Kept
) -> DesiredState:
    """The state of one host. `tree` is what `file` was read from, `maps` the rows of its policy files.

    Raises StateInvalid where two keys set one parameter, or two policy files one destination.
    """
    made = tables.of(file, tree, maps, kept)
    enforced = _enforced(file)
    found = (*_dedicated(file, tree, kept), *dnssec.of(file, tree, made, enforced))
    entry = tree.entries.get("parameters")
    given = kept.once("parameters", (entry,), lambda: _given(file, tree)) if entry is not None else ()
    _refuse_twice(found, given)
    taken = {one.name for one in found}
    return DesiredState(
        host=subject.host,
        instance=subject.instance,
        file=subject.path,
        parameters=(*found, *(one for one in given if one.name not in taken)),
        tables=made,
        services=services.of(file, tree, kept),
        certificates=tuple(_certificates(file, tree, subject.host)),
        enforced=enforced,
        waivers=tuple(_waivers(file, tree)),
    )


def _dedicated(file: HostFile, tree: Mapping, kept: Kept) -> Iterator[DesiredParameter]:
    yield from _default_certificate(file, tree)
    for part, section in ((Part.INCOMING, file.incoming), (Part.OUTGOING, file.outgoing)):
        if section is not None:
            make = partial(_lowered, section, part, tree, kept)
            yield from kept.once(part.value, (tree.entries[part.value],), make)


def _lowered(section: Incoming | Outgoing, part: Part, tree: Mapping, kept: Kept) -> tuple[DesiredParameter, ...]:
    """The keys of a section that are parameters under another name, in the order of the model."""

    def made(key: str, parameter: str, value: object) -> DesiredParameter:
        return DesiredParameter(parameter, written(parameter, value), part, origin_at(tree, part.value, key))

    values = ((key, parameter, getattr(section, key)) for key, parameter in PARAMETERS[type(section)])
    return tuple(
        kept.once(parameter, (entry_at(tree, part.value, key),), partial(made, key, parameter, value))
        for key, parameter, value in values
        if value is not None
    )


def written(parameter: str, value: object) -> str:
    """A value in Postfix's syntax."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case timedelta():
            return f"{int(value.total_seconds())}s"
        case tuple():
            return ", ".join(written(parameter, item) for item in value)
        case str() if parameter.endswith(("_file", "_files", "_CAfile", "_CApath")):
            return readers.in_configuration(value)
        case _:
            return str(value)


def _default_certificate(file: HostFile, tree: Mapping) -> Iterator[DesiredParameter]:
    certificate = (file.certificates or {}).get("default")
    if not isinstance(certificate, Certificate):
        return
    if certificate.certbot:
        origin = origin_at(tree, "certificates", "default", "certbot")
        value = written("smtpd_tls_chain_files", tables.served(certificate))
        yield DesiredParameter("smtpd_tls_chain_files", value, Part.CERTIFICATES, origin)
    for key, parameter in (
        ("chain_files", "smtpd_tls_chain_files"),
        ("cert_file", "smtpd_tls_cert_file"),
        ("key_file", "smtpd_tls_key_file"),
    ):
        value = getattr(certificate, key)
        if value is not None:
            origin = origin_at(tree, "certificates", "default", key)
            yield DesiredParameter(parameter, written(parameter, value), Part.CERTIFICATES, origin)


def _given(file: HostFile, tree: Mapping) -> tuple[DesiredParameter, ...]:
    return tuple(
        DesiredParameter(name, parameters.written(name, text), Part.PARAMETERS, origin_at(tree, "parameters", name))
        for name, text in (file.parameters or {}).items()
    )


def _refuse_twice(found: tuple[DesiredParameter, ...], given: tuple[DesiredParameter, ...]) -> None:
    """Raises StateInvalid where `parameters` sets what a key of its own sets too."""
    by_name = {one.name: one for one in found}
    problems = [
        Problem(
            one.origin.position,
            f"parameters.{one.name}: {by_name[one.name].part} sets it too, at {by_name[one.name].origin}",
            fix="keep one of them",
            why="Postfix takes the last of two values, and nobody sees which that is",
        )
        for one in given
        if one.name in by_name and (one.name, one.value.lower()) != (dnssec.PARAMETER, dnssec.VALUE)
    ]
    if problems:
        raise StateInvalid(tuple(problems))


def _certificates(file: HostFile, tree: Mapping, host: str) -> Iterator[DesiredCertificate]:
    for name, certificate in (file.certificates or {}).items():
        if isinstance(certificate, Certificate):
            yield DesiredCertificate(
                name=name,
                origin=key_origin_at(tree, "certificates", name),
                chain_files=tables.served(certificate),
                certificate_file=certificate.cert_file or "",
                key_file=certificate.key_file or "",
                certbot=certificate.certbot or "",
                until_present=_self_signed(certificate, host if name == "default" else name),
            )


def _self_signed(certificate: Certificate, host: str) -> SelfSigned | None:
    match certificate.until_present:
        case None:
            return None
        case SelfSignedCertificate() as wanted:
            return SelfSigned(wanted.names or (host,), timedelta(days=wanted.days))
        case "self_signed":
            return SelfSigned((host,), timedelta(days=SelfSignedCertificate().days))


def _waivers(file: HostFile, tree: Mapping) -> Iterator[Waiver]:
    for index, waiver in enumerate(file.waivers or ()):
        origin = origin_at(tree, "waivers", index)
        yield Waiver(waiver.guard, waiver.at, waiver.reason, waiver.until, origin)


_WITHIN = {Part.INCOMING_POLICIES: Part.INCOMING, Part.OUTGOING_POLICIES: Part.OUTGOING}


def _enforced(file: HostFile) -> frozenset[Part]:
    """The parts to heal. `policies` follow the part they stand in, unless they are named themselves; `observe` wins."""
    named = file.enforce or ()
    enforce = frozenset(Part) if named == "all" else frozenset(named)
    observe = frozenset(file.observe or ())
    explicit = frozenset() if named == "all" else frozenset(named)
    return frozenset(part for part in Part if _is_enforced(part, enforce, observe, explicit))


def _is_enforced(part: Part, enforce: frozenset[object], observe: frozenset[Part], explicit: frozenset[object]) -> bool:
    whole = _WITHIN.get(part)
    if part in observe:
        return False
    if part in explicit or whole is None:
        return part in enforce
    return whole in enforce and whole not in observe
