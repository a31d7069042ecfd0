"""The three-way comparison: what is wanted, what is live, what was last applied.

Only what the state declares, or once declared, is looked at; everything else on the host is somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from reconciler.frozen import dataclass, replace
from reconciler.live.config import LiveConfig
from reconciler.live.meaning import Meaning, projected
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
    sort_key,
)
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.desired import Part
from reconciler.model.plan import Change, Difference, Disruption, Drift, Reason, Why
from reconciler.plan.settled import Settled
from reconciler.plan.target import Target, Wanted
from reconciler.postfix.master_cf import Service
from reconciler.postfix.table import TableType

NOTHING: Mapping[str, str] = {}
_BY_ITSELF = (Reason.CERTIFICATE_EXPIRING, Reason.CERTIFICATE_RENEWED)  # no commit asked for it


@dataclass
class Comparison:
    """The outcome: what to change, what drifted, what is only observed, and the record as it shall be afterwards.

    `meaning` is main.cf as it will be.
    """

    meaning: Meaning
    changes: list[Change] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    observed: list[Difference] = field(default_factory=list)
    record: dict[Address, Applied] = field(default_factory=dict)
    strays: Mapping[ServiceAddress, int] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()  # the tables that we made, by path
    matching: int = 0


@dataclass(frozen=True, slots=True)
class _Sides:
    """What a declaration is compared with; `now` is main.cf as it is, `meaning` as it will be."""

    live: LiveConfig
    last: LastApplied
    now: Meaning
    meaning: Meaning
    held: frozenset[Address] = frozenset()


def compare(
    target: Target,
    enforced: frozenset[Part],
    host: Settled,
    *,
    held: frozenset[Address] = frozenset(),
    unserved: Mapping[str, str] = NOTHING,
) -> Comparison:
    """Take every declared or once declared address from where it is to where it shall be; what is `held` stays.

    `unserved` has, by the path of a certificate file, what sessions are given in place of what it holds.
    """
    live, last = host.live, host.last
    moved = strays(target, enforced, live, last)
    following = {**dict(_implied(target, host)), **dict(_strayed(moved, target, live))}
    wanted = {**target.wanted, **following} if following else target.wanted
    policy_tables = frozenset(_policy_tables(wanted) | _policy_tables(last.entries))
    moving = {address: want for address, want in wanted.items() if address not in held} if held else wanted
    meaning = Meaning(projected(live, _parameters_after(moving, enforced, host)), policy_tables)
    now = Meaning(live.view, policy_tables)
    sides = _Sides(live, last, now, meaning, held)
    out = Comparison(meaning, strays=moved, whole=_made(last), record=dict(target.in_place))
    out.matching = len(target.in_place)
    for address, want in {**target.open, **following}.items():
        if want.part in enforced:
            _declared(out, address, want, sides)
        else:
            _observed(out, address, want, sides)
    known = len(target.in_place) + sum(address in last.entries for address in target.open)
    gone = set(last.entries).difference(wanted) if known < len(last.entries) else set()
    for address in sorted((it for it in gone if not _is_enforced(last.entries[it], enforced)), key=sort_key):
        gone.discard(address)
        _no_longer_said(out, address, last.entries[address], sides)
    going = {it for it in gone if isinstance(it, ServiceAddress) and last.entries[it].adopted is None}
    for address in sorted(gone, key=sort_key):
        if isinstance(address, OptionAddress) and address.service in going:
            _gone_with_service(out, address, live)
        else:
            _undeclared(out, address, last.entries[address], sides)
    out.changes += _unserved(out, wanted, enforced, live, unserved)
    _disruptions(out, target, live)
    return out


def _policy_tables(addresses: Mapping[Address, object]) -> set[str]:
    """The tables that smtp_tls_policy_maps names through elements of ours."""
    elements = (
        it.element for it in addresses if isinstance(it, ElementAddress) and it.parameter == "smtp_tls_policy_maps"
    )
    return {element.partition(":")[2].removeprefix("$config_directory/") for element in elements}


def _parameters_after(
    wanted: Mapping[Address, Wanted], enforced: frozenset[Part], host: Settled
) -> dict[str, str | None]:
    after = {address.name: entry.adopted for address, entry in host.following if address not in wanted}
    for address, want in wanted.items():
        if isinstance(address, ParameterAddress) and want.part in enforced:
            after[address.name] = want.value
    return after


def _declared(out: Comparison, address: Address, want: Wanted, sides: _Sides) -> None:
    standing, record = sides.live.at(address), sides.last.entries.get(address)
    if _as_wanted(address, want, standing, sides):
        out.matching += want.value is not None
        disabled = want.reason is Reason.DISABLED and standing is not None
        if want.value is not None or record is not None or disabled:
            out.record[address] = _kept(address, want, standing, record)
        _renewed(out, address, want, standing, record)
        return
    healing = want.reason is Reason.DRIFT_DETECTED
    drifted = healing or (record is not None and not _as_written(address, record, standing, sides))
    if drifted:
        out.drift.append(Drift(address, record.written if record else want.value, standing))
    if address in sides.held:
        out.record |= {address: record} if record else {}
        return
    unchanged_in_git = healing or (record is not None and sides.meaning.same(address, record.written, want.value))
    corrective = drifted and unchanged_in_git
    reason = Reason.DRIFT_DETECTED if corrective and want.reason is Reason.DECLARED else want.reason
    why = Why.CORRECTIVE if corrective or want.reason in _BY_ITSELF else Why.INTENTIONAL
    if isinstance(address, TableAddress) and standing is not None:
        reason, why = Reason.TABLE_STALE, Why.CORRECTIVE
    change = Change(address, standing, want.value, why, reason, Disruption.NONE, want.detail, want.origin)
    out.changes.append(change)
    if record is not None or not healing:
        adopted = record.adopted if record else _adopted(address, want, standing)
        out.record[address] = Applied(want.value, adopted, want.part.value)


def _as_written(address: Address, record: Applied, standing: str | None, sides: _Sides) -> bool:
    if isinstance(address, OptionAddress) and sides.live.service(address.service) is None:
        return record.written is None
    return sides.now.same(address, standing, record.written)


def _adopted(address: Address, want: Wanted, standing: str | None) -> str | None:
    """What undeclaring goes back to; a table that was found stays a found one, however stale it was."""
    return want.value if isinstance(address, TableAddress) and standing is not None else standing


def _kept(address: Address, want: Wanted, standing: str | None, record: Applied | None) -> Applied:
    """The record of an address that already is as it shall be: adopted now, if it was not before."""
    if isinstance(address, FileAddress):
        ours = record is not None and record.written == standing
        return record if ours and record is not None else Applied(standing, standing, want.part.value)
    return Applied(want.value, record.adopted if record else standing, want.part.value)


def _renewed(out: Comparison, address: Address, want: Wanted, standing: str | None, record: Applied | None) -> None:
    """A certificate that somebody renewed is served by a running smtpd only after a reload."""
    if not isinstance(address, FileAddress) or record is None or record.written is None or record.written == standing:
        return
    change = Change(address, record.written, standing, Why.CORRECTIVE, Reason.CERTIFICATE_RENEWED, Disruption.NONE)
    out.changes.append(replace(change, detail="its content changed since the last reload", origin=want.origin))


def _unserved(
    out: Comparison,
    wanted: Mapping[Address, Wanted],
    enforced: frozenset[Part],
    live: LiveConfig,
    unserved: Mapping[str, str],
) -> list[Change]:
    """A file that is as it shall be, and that no session is given: Postfix has to read it once more."""
    if not unserved:
        return []
    changing = {change.address for change in out.changes}
    return [
        Change(
            address, unserved[live.path(address.path)], live.at(address), Why.CORRECTIVE,
            Reason.CERTIFICATE_NOT_SERVED, Disruption.NONE, "sessions are given another one", want.origin,
        )
        for address, want in wanted.items()
        if isinstance(address, FileAddress) and live.path(address.path) in unserved
        if want.part in enforced and address not in changing
    ]  # fmt: skip


def _as_wanted(address: Address, want: Wanted, standing: str | None, sides: _Sides) -> bool:
    if isinstance(address, OptionAddress) and sides.live.service(address.service) is None:
        return want.value is None
    return sides.meaning.same(address, standing, want.value)


def _observed(out: Comparison, address: Address, want: Wanted, sides: _Sides) -> None:
    if address in sides.last.entries:
        out.record[address] = sides.last.entries[address]
    standing = sides.live.at(address)
    if not _as_wanted(address, want, standing, sides):
        out.observed.append(Difference(address, standing, want.value, want.origin))
    elif want.value is not None:
        out.matching += 1


def _undeclared(out: Comparison, address: Address, entry: Applied, sides: _Sides) -> None:
    """Back to what stood there before us; where somebody else has changed it meanwhile, it is left as it is."""
    standing = sides.live.at(address)
    if isinstance(address, OptionAddress) and entry.adopted is not None and _comes_back(address.service, sides):
        why, reason = Why.INTENTIONAL, Reason.UNDECLARED
        out.changes.append(Change(address, None, entry.adopted, why, reason, Disruption.NONE, "as it was"))
        return
    forget = Change(
        address, standing, standing, Why.INTENTIONAL, Reason.NO_LONGER_MANAGED, Disruption.NONE, forget=True
    )
    if isinstance(address, FileAddress):
        detail = "the file stays; remove it by hand where nothing else serves it"
        out.changes.append(replace(forget, detail=detail) if standing else forget)
    elif sides.now.same(address, standing, entry.adopted):
        out.changes.append(forget)
    elif sides.now.same(address, standing, entry.written) or _is_ours(address, standing, entry):
        why, reason = Why.INTENTIONAL, Reason.UNDECLARED
        detail = "as it was before it was managed" if entry.adopted is not None else ""
        out.changes.append(Change(address, standing, entry.adopted, why, reason, Disruption.NONE, detail))
    else:
        out.drift.append(Drift(address, entry.written, standing))
        detail = f"changed outside of git since we wrote {entry.written!r}; left as it is"
        out.changes.append(replace(forget, reason=Reason.CONFLICT, detail=detail))


def _comes_back(service: ServiceAddress, sides: _Sides) -> bool:
    """Whether a service that we removed is put back by this plan."""
    entry = sides.last.entries.get(service)
    return sides.live.service(service) is None and entry is not None and entry.adopted is not None


def _made(last: LastApplied) -> frozenset[str]:
    return frozenset(
        it.path for it, entry in last.entries.items() if isinstance(it, TableAddress) and not entry.adopted
    )


def _is_enforced(entry: Applied, enforced: frozenset[Part]) -> bool:
    return not entry.part or Part(entry.part) in enforced


def _no_longer_said(out: Comparison, address: Address, entry: Applied, sides: _Sides) -> None:
    """Undeclared, in a part that is only observed: it stays as it is, and on record."""
    out.record[address] = entry
    standing = sides.live.at(address)
    if not sides.now.same(address, standing, entry.adopted):
        out.observed.append(Difference(address, standing, entry.adopted, None))


def _gone_with_service(out: Comparison, option: OptionAddress, live: LiveConfig) -> None:
    standing = live.at(option)
    if standing is not None:
        out.changes.append(Change(option, standing, None, Why.INTENTIONAL, Reason.UNDECLARED, Disruption.NONE))


def _is_ours(address: Address, standing: str | None, entry: Applied) -> bool:
    """A table or an element that only lies differently (stale, or behind a permit) is still the one we made."""
    lies = isinstance(address, TableAddress | ElementAddress)
    return lies and standing is not None and entry.written is not None and standing.startswith(entry.written)


# --- what follows from a declaration without standing in it -----------------------------------------------------


def _implied(target: Target, host: Settled) -> Iterator[tuple[Address, Wanted]]:
    for address, want in target.wanted.items():
        if isinstance(address, TableAddress):
            yield from _foreign_rows(target, address, want, host)
        elif isinstance(address, ServiceAddress) and want.value is None:
            yield from _options_of_disabled(address, want, host.live, host.last)


def _foreign_rows(target: Target, table: TableAddress, want: Wanted, host: Settled) -> Iterator[tuple[Address, Wanted]]:
    """In a table that we made every row is ours: one that nobody declared goes."""
    for row in host.unrecorded.get(table.path, ()):
        if row not in target.wanted:
            yield row, _healing(want, None, "not declared, in a table that is managed whole")


def _options_of_disabled(
    service: ServiceAddress, want: Wanted, live: LiveConfig, last: LastApplied
) -> Iterator[tuple[Address, Wanted]]:
    """The options go with their service; they are recorded one by one, so that undeclaring brings them back."""
    standing = live.service(service)
    names = dict.fromkeys(standing.overrides) if standing else {}
    names |= dict.fromkeys(it.name for it in last.entries if isinstance(it, OptionAddress) and it.service == service)
    for name in names:
        yield OptionAddress(service, name), Wanted(None, want.part, want.origin, Reason.DISABLED)


def strays(target: Target, enforced: frozenset[Part], live: LiveConfig, last: LastApplied) -> dict[ServiceAddress, int]:
    """How many options at the end of each service belong to one of ours below it whose first line is gone.

    A header line that is commented out leaves its options, as continuation lines, to the service above it.
    """
    found: dict[ServiceAddress, int] = {}
    for address, want in target.wanted.items():
        if not isinstance(address, ServiceAddress) or want.part not in enforced:
            continue
        record = last.entries.get(address)
        if record is None or record.written is None or live.service(address) is not None:
            continue
        for service in live.master.services:
            count = _strayed_into(service, address, last, live)
            if count:
                found[ServiceAddress(*service.key)] = count
    return found


def _strayed_into(service: Service, lost: ServiceAddress, last: LastApplied, live: LiveConfig) -> int:
    """How many options at the end of a service are those of `lost`.

    Its header may still be there as a comment: then everything behind it. Where it is gone altogether, all its options
    must stand at the end, but for those that say no more than main.cf does.
    """
    header = service.comment_of(lost.endpoint, lost.type)
    if header is not None:
        return sum(1 for option in service.options if option.tokens[0].at[0] > header)
    ours = _options_written(lost, last)
    run: dict[str, str] = {}
    for option in reversed(service.options):
        if option.name in run or (option.name, option.value) not in ours:
            break
        run[option.name] = option.value
    missing = ours - set(run.items())
    meant = all(live.view.same(name, value, live.view.raw(name) or "") for name, value in missing)
    return len(run) if ours and run and meant else 0


def _options_written(service: ServiceAddress, last: LastApplied) -> set[tuple[str, str]]:
    return {
        (address.name, entry.written)
        for address, entry in last.entries.items()
        if isinstance(address, OptionAddress) and address.service == service and entry.written is not None
    }


def _strayed(moved: Mapping[ServiceAddress, int], target: Target, live: LiveConfig) -> Iterator[tuple[Address, Wanted]]:
    """The neighbour's options as they were without the strays."""
    lost = next(
        (it for it in target.wanted.items() if isinstance(it[0], ServiceAddress) and live.at(it[0]) is None), None
    )
    for address, count in moved.items():
        service = live.service(address)
        if service is None or lost is None:
            continue
        kept = {option.name: option.value for option in service.options[:-count]}
        for option in service.options[-count:]:
            where = OptionAddress(address, option.name)
            if where not in target.wanted:
                detail = "it moved here from a service below whose first line is gone"
                yield where, _healing(lost[1], kept.get(option.name), detail)


def _healing(want: Wanted, value: str | None, detail: str) -> Wanted:
    return Wanted(value, want.part, want.origin, Reason.DRIFT_DETECTED, detail)


# --- what applying takes ------------------------------------------------------------------------------------------


def _disruptions(out: Comparison, target: Target, live: LiveConfig) -> None:
    """Give every change the least that makes it seen."""
    out.changes = [
        change if change.forget else replace(change, disruption=_disruption(change.address, target, live))
        for change in out.changes
    ]


def _disruption(address: Address, target: Target, live: LiveConfig) -> Disruption:
    if not isinstance(address, RowAddress | TableAddress):
        return Disruption.RELOAD
    kind = target.kinds.get(address.path) or _kind_of(live, address.path)
    return Disruption.POSTMAP if kind is None or kind.compiled else Disruption.RELOAD


def _kind_of(live: LiveConfig, path: str) -> TableType | None:
    kind = live.snapshot.kinds.get(live.path(path))
    return TableType(kind) if kind else None
