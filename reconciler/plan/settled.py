"""A state settled for one host, declaration by declaration.

Each declaration is settled once for a host. Two states of one host, as base and head of a change, are mostly made of
the same declarations, the very same objects; the second has little of its own, and only that is worked out for it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, assert_never

from reconciler.errors import Problem
from reconciler.frozen import replace
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

Declaration = DesiredCertificate | DesiredTable | DesiredService


class Piece(NamedTuple):
    """One declaration on this host: all that a target has of it. It is known by its identity, and so kept."""

    declaration: Declaration
    target: Target


class Parameter(NamedTuple):
    """The same of a parameter, which is one address: with its `record` where it is in place."""

    declaration: DesiredParameter
    address: ParameterAddress
    want: Wanted
    record: Applied | None
    line: str
    problems: tuple[Problem, ...]


class Settled:
    """A host as it was last applied to, and the declarations that were settled for it."""

    def __init__(self, live: LiveConfig, last: LastApplied) -> None:
        self.live, self.last = live, last
        self._pieces: dict[tuple[int, frozenset[Part]], Piece] = {}
        self._parameters: dict[tuple[int, frozenset[Part]], Parameter] = {}

    def piece(self, declaration: Declaration, enforced: frozenset[Part]) -> Piece:
        """What a declaration asks of this host, where these parts are enforced."""
        key = id(declaration), enforced
        found = self._pieces.get(key)
        if found is None:
            found = self._pieces[key] = Piece(declaration, self._settled(declaration))
            self.look(found.target, enforced)
        return found

    def parameter(self, declared: DesiredParameter, enforced: frozenset[Part]) -> Parameter:
        """The same for a parameter of main.cf."""
        key = id(declared), enforced
        found = self._parameters.get(key)
        if found is None:
            want, problems = settling.parameter(declared, self.live)
            address, is_enforced = ParameterAddress(declared.name), declared.part in enforced
            record = self._in_place(address, want) if is_enforced else None
            line = _line(address, want) if is_enforced else ""
            found = self._parameters[key] = Parameter(declared, address, want, record, line, problems)
        return found

    def _settled(self, declaration: Declaration) -> Target:
        target = Target()
        match declaration:
            case DesiredCertificate():
                settling.certificate(target, declaration, self.live, self.last)
            case DesiredTable():
                settling.table(target, declaration, self.live)
            case DesiredService():
                settling.service(target, declaration, self.live, self.last)
            case _:
                assert_never(declaration)
        return target

    def look(self, target: Target, enforced: frozenset[Part]) -> None:
        """Tell what is in place, as nearly all is in nearly every pass, from what is to be compared."""
        for address, want in target.wanted.items():
            record = self._in_place(address, want) if want.part in enforced else None
            if record is None:
                target.open[address] = want
            else:
                target.in_place[address] = record
        target.lines += _lines(target.wanted, enforced, target.mirrors)

    def _in_place(self, address: Address, want: Wanted) -> Applied | None:
        """The record of an address where what is wanted is what was written, and stands."""
        record = self.last.entries.get(address)
        if record is None or record.written is None or record.written != want.value or record.part != want.part:
            return None
        return record if self.live.at(address) == record.written else None

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
    target, count, enforced = Target(), len(desired.parameters), desired.enforced
    declarations: list[Declaration] = [*desired.certificates, *desired.tables, *desired.services]
    for piece in (host.piece(it, enforced) for it in declarations):
        count += len(piece.target.wanted)
        target.add(piece.target)
    for declared in desired.parameters:
        _, address, want, record, line, problems = host.parameter(declared, enforced)
        target.wanted[address] = want
        target.problems += problems
        target.lines += (line,) if line else ()
        if record is None:
            target.open[address] = want
        else:
            target.in_place[address] = record
    if count != len(target.wanted):  # two of them say one address, of which the later counts
        target = replace(target, in_place={}, open={}, lines=[])
        host.look(target, enforced)
    return target


def _lines(wanted: Mapping[Address, Wanted], enforced: frozenset[Part], mirrors: Container[str]) -> Iterator[str]:
    """Every enforced address with its value, but for what a file holds."""
    for address, want in wanted.items():
        told_by_file = isinstance(address, FileAddress) or (isinstance(address, RowAddress) and address.path in mirrors)
        if want.part in enforced and not told_by_file:
            yield _line(address, want)


def _line(address: Address, want: Wanted) -> str:
    return f"{address} {want.value!r}"
