"""`dane`, as the level or in a policy, brings the resolver setting without which it is no more than `may`."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from reconciler.desired.kinds import ClientLevel
from reconciler.desired.state_file import HostFile
from reconciler.desired.tree import Mapping, origin_at
from reconciler.errors import Position, Problem, StateInvalid
from reconciler.model.desired import DesiredParameter, DesiredTable, Part

PARAMETER = "smtp_dns_support_level"
VALUE = "dnssec"


def of(
    file: HostFile, tree: Mapping, made: tuple[DesiredTable, ...], enforced: AbstractSet[Part]
) -> tuple[DesiredParameter, ...]:
    """The parameter, in the first part that asks for it and is enforced, or else in the first that asks for it.

    Raises StateInvalid where `parameters` asks for less.
    """
    reasons = tuple(_reasons(file, tree, made))
    if not reasons:
        return ()
    given = (file.parameters or {}).get(PARAMETER)
    where = origin_at(tree, "parameters", PARAMETER)
    if given is not None and given.lower() == VALUE:
        reasons = (*reasons, DesiredParameter(PARAMETER, VALUE, Part.PARAMETERS, where))
    elif given is not None and "$" not in given:
        raise StateInvalid((_too_little(given, file, where.position, reasons[0]),))
    return (next((reason for reason in reasons if reason.part in enforced), reasons[0]),)


def _reasons(file: HostFile, tree: Mapping, made: tuple[DesiredTable, ...]) -> Iterator[DesiredParameter]:
    if file.outgoing is None:
        return
    if file.outgoing.security_level in (ClientLevel.DANE, ClientLevel.DANE_ONLY):
        yield DesiredParameter(PARAMETER, VALUE, Part.OUTGOING, origin_at(tree, "outgoing", "security_level"))
    for table in made:
        if table.part is Part.OUTGOING_POLICIES:
            row = next((row for row in table.rows if row.value.lstrip(", ").lower().startswith("dane")), None)
            if row is not None:
                yield DesiredParameter(PARAMETER, VALUE, Part.OUTGOING_POLICIES, row.origin)


def _too_little(given: str, file: HostFile, position: Position, reason: DesiredParameter) -> Problem:
    level = file.outgoing.security_level if file.outgoing is not None else None
    dane, source = f"a policy is dane, at {reason.origin}", "the policy"
    if reason.part is Part.OUTGOING:
        dane, source = f"outgoing.security_level is {level}", "the level"
    return Problem(
        position,
        f"parameters.{PARAMETER}: {given!r} without DNSSEC, and {dane}",
        fix=f"remove it: {source} brings {VALUE}",
        why="without DNSSEC no TLSA record is believed, and mail goes out in plaintext (TLS_README, DANE)",
    )
