"""A state settled for one host, declaration by declaration.

Each declaration is settled once for a host. Two states of one host, as base and head of a change, are mostly made of
the same declarations, the very same objects; the second has little of its own, and only that is worked out for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from reconciler.errors import Problem
from reconciler.live.config import LiveConfig
from reconciler.model.address import Address, FileAddress, ParameterAddress, RowAddress, TableAddress
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.desired import (
    DesiredCertificate,
    DesiredParameter,
    DesiredService,
    DesiredState,
    DesiredTable,
    Part,
)
from reconciler.plan import target as settling
from reconciler.plan.target import Target, Wanted

Declaration = DesiredCertificate | DesiredTable | DesiredService | DesiredParameter


class Piece(NamedTuple):
    """One declaration on this host: the addresses that it asks for, and what is wrong with that.

    `in_place` are the records of those addresses where what is wanted was written and stands. `lines` are what it says,
    for the digest of the state. `more` is what else a target has of it, if anything.
    """

    declaration: Declaration  # which it keeps, for it is known by its identity
    wanted: Mapping[Address, Wanted]
    in_place: Mapping[Address, Applied]
    lines: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    more: Target | None = None


class Settled:
    """A host as it was last applied to, and the declarations that were settled for it."""

    def __init__(self, live: LiveConfig, last: LastApplied) -> None:
        self.live, self.last = live, last
        self._pieces: dict[tuple[int, frozenset[Part]], Piece] = {}

    def piece(self, declaration: Declaration, enforced: frozenset[Part]) -> Piece:
        """What a declaration asks of this host, where these parts are enforced."""
        key = id(declaration), enforced
        found = self._pieces.get(key)
        if found is None:
            found = self._pieces[key] = self._settled(declaration, enforced)
        return found

    def _settled(self, declaration: Declaration, enforced: frozenset[Part]) -> Piece:
        if isinstance(declaration, DesiredParameter):
            want, problems = settling.parameter(declaration, self.live)
            wanted: dict[Address, Wanted] = {ParameterAddress(declaration.name): want}
            lines = tuple(_lines(wanted, enforced, {}))
            return Piece(declaration, wanted, self.in_place(wanted, enforced), lines, tuple(problems))
        target = Target()
        match declaration:
            case DesiredCertificate():
                settling.certificate(target, declaration, self.live, self.last)
            case DesiredTable():
                settling.table(target, declaration, self.live)
            case DesiredService():
                settling.service(target, declaration, self.live, self.last)
        lines = tuple(_lines(target.wanted, enforced, target.mirrors))
        in_place = self.in_place(target.wanted, enforced)
        return Piece(declaration, target.wanted, in_place, lines, tuple(target.problems), target)

    def in_place(self, wanted: Mapping[Address, Wanted], enforced: frozenset[Part]) -> dict[Address, Applied]:
        """The records of the addresses that need no further look: what is wanted is what was written, and stands.

        So it is with nearly all, in nearly every pass.
        """
        entries, at = self.last.entries, self.live.at
        found: dict[Address, Applied] = {}
        for address, want in wanted.items():
            record = entries.get(address)
            if record is None or record.written is None or record.written != want.value or record.part != want.part:
                continue
            if want.part in enforced and at(address) == record.written:
                found[address] = record
        return found

    @cached_property
    def following(self) -> tuple[tuple[ParameterAddress, Applied], ...]:
        """The parameters on record that nobody changed since: those that are undeclared go back."""
        parameters = ((it, entry) for it, entry in self.last.entries.items() if isinstance(it, ParameterAddress))
        return tuple((it, entry) for it, entry in parameters if self.live.at(it) == entry.written)

    @cached_property
    def unrecorded(self) -> Mapping[str, tuple[RowAddress, ...]]:
        """The rows of tables that we made of which there is no record, by the tables' paths in addresses."""
        made = (
            it.path for it, entry in self.last.entries.items() if isinstance(it, TableAddress) and entry.adopted is None
        )
        return {path: rows for path in made if (rows := tuple(self._unrecorded(path)))}

    def _unrecorded(self, path: str) -> Iterator[RowAddress]:
        source = self.live.tables.get(self.live.path(path))
        for key in source.rows if source else ():
            row = RowAddress(path, key.decode("utf-8", "surrogateescape"))
            if row not in self.last.entries:
                yield row


def settle(desired: DesiredState, host: Settled) -> Target:
    """Settle every declaration for the host."""
    target = Target()
    declarations: tuple[Declaration, ...] = desired.certificates
    declarations = (*declarations, *desired.tables, *desired.services, *desired.parameters)
    count = 0
    for declaration in declarations:
        piece = host.piece(declaration, desired.enforced)
        count += len(piece.wanted)
        target.wanted.update(piece.wanted)
        target.in_place.update(piece.in_place)
        target.lines += piece.lines
        target.problems += piece.problems
        if piece.more is not None:
            target.add(piece.more)
    if count != len(target.wanted):  # two of them say one address, of which the later counts
        target.in_place = host.in_place(target.wanted, desired.enforced)
        target.lines = list(_lines(target.wanted, desired.enforced, target.mirrors))
    return target


def _lines(wanted: Mapping[Address, Wanted], enforced: frozenset[Part], mirrors: Mapping[str, object]) -> Iterator[str]:
    """Every enforced address with its value, but for what a file holds."""
    for address, want in wanted.items():
        told_by_file = isinstance(address, FileAddress) or (isinstance(address, RowAddress) and address.path in mirrors)
        if want.part in enforced and not told_by_file:
            yield f"{address} {want.value!r}"
