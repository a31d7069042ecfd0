"""From changes to the new bytes of each file: the fewest lines that say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from reconciler.live.config import LiveConfig
from reconciler.model.address import (
    ElementAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.plan import Change, Edit
from reconciler.plan import mirrors
from reconciler.plan.diff import Comparison
from reconciler.plan.target import NEW_COLUMNS, Target
from reconciler.postfix import restrictions, table
from reconciler.postfix.main_cf import MainCf
from reconciler.postfix.master_cf import MasterCf
from reconciler.postfix.table import NOTE, TableType


def edits(changes: Iterable[Change], comparison: Comparison, target: Target, live: LiveConfig) -> tuple[Edit, ...]:
    """The files that change, tables first, main.cf last, so that no reference precedes its target."""
    doing = [change for change in changes if not change.forget]
    found = [*_tables(doing, comparison.whole, target, live)]
    for path, before, after in (
        (live.path("master.cf"), live.master.render(), _master(doing, comparison.strays, target, live).render()),
        (live.path("main.cf"), live.main.render(), _main(doing, live).render()),
    ):
        if after != before:
            found.append(Edit(path, before, after))
    return tuple(found)


def _main(changes: list[Change], live: LiveConfig) -> MainCf:
    main = live.main
    for change in changes:
        match change.address:
            case ParameterAddress(name) if change.after is None:
                main = main.unset(name.encode())
            case ParameterAddress(name) if change.after is not None:
                main = main.set(name.encode(), change.after.encode("utf-8", "surrogateescape"))
            case ElementAddress() as address:
                main = _element(main, address, wanted=change.after is not None, live=live)
            case _:
                pass
    return main


def _element(main: MainCf, address: ElementAddress, *, wanted: bool, live: LiveConfig) -> MainCf:
    """Take our element out where it stands, and put it in front where it is wanted; the others keep their places."""
    name = address.parameter.encode()
    entry = main.find(name)
    if entry is not None:
        raw = restrictions.remove(entry, address.element, parameter=address.parameter, same=live.same_element)
        main = main.replace_entry(entry, raw) if raw != entry.raw else main
    entry = main.find(name)
    if wanted and entry is None:
        return main.set(name, address.element.encode())
    if wanted and entry is not None:
        return main.replace_entry(entry, restrictions.insert(entry, address.element))
    return main.unset(name) if entry is not None and not entry.value else main


def _master(changes: list[Change], strays: Mapping[ServiceAddress, int], target: Target, live: LiveConfig) -> MasterCf:
    master = live.master
    for neighbour, count in strays.items():
        standing = master.get(neighbour.endpoint, neighbour.type)
        if standing is not None:
            master = master.drop_options(standing, standing.options[-count:])
    removed = {it.address for it in changes if isinstance(it.address, ServiceAddress) and it.after is None}
    for service, group in groupby(changes, _whose_option):
        if service is None:
            for change in group:
                if isinstance(change.address, ServiceAddress):
                    master = _service(master, change.address, change, target)
        elif service not in removed:
            master = _options(master, service, group)
    return master


def _whose_option(change: Change) -> ServiceAddress | None:
    return change.address.service if isinstance(change.address, OptionAddress) else None


def _service(master: MasterCf, address: ServiceAddress, change: Change, target: Target) -> MasterCf:
    if change.after is None:
        return master.remove(address.endpoint, address.type)
    words = change.after.split(" ")
    columns, command = target.columns.get(address, tuple(words[:5])), words[5]
    standing = master.get(address.endpoint, address.type)
    if standing is None:
        name = target.names.get(address, address.endpoint)
        return master.add(name, address.type, columns or NEW_COLUMNS, " ".join(words[5:]))
    return master.set_columns(standing, columns, command, tuple(words[6:]))


def _options(master: MasterCf, address: ServiceAddress, changes: Iterable[Change]) -> MasterCf:
    service = master.get(address.endpoint, address.type)
    if service is None:
        return master
    wanted = {it.address.name: it.after for it in changes if isinstance(it.address, OptionAddress)}
    differing = {name: after for name, after in wanted.items() if service.overrides.get(name) != after}
    gone = [option for option in service.options if option.name in differing and differing[option.name] is None]
    if gone:
        master = master.drop_options(service, gone)
        service = master.by_key[service.key]
    return master.set_options(service, {name: after for name, after in differing.items() if after is not None})


def _tables(changes: list[Change], whole: frozenset[str], target: Target, live: LiveConfig) -> Iterable[Edit]:
    rows: dict[str, dict[bytes, bytes | None]] = {}
    removed: set[str] = set()
    for change in changes:
        match change.address:
            case RowAddress(path, key):
                value = change.after
                rows.setdefault(path, {})[_bytes(key)] = None if value is None else _bytes(value)
            case TableAddress(path):
                rows.setdefault(path, {})
                removed |= {path} if change.after is None else set()
            case _:
                pass
    for path, wanted in rows.items():
        where = live.path(path)
        excerpt = live.snapshot.excerpts.get(where)
        if excerpt is not None:
            yield Edit(where, excerpt.before, excerpt.after, within=excerpt)
            continue
        source = live.tables.get(where)
        before = source.render() if source else None
        kind = target.kinds.get(path)
        fresh = table.parse(NOTE, indexed=kind is None or kind.indexed)
        document = (source or fresh).edit(wanted)
        document = document.without_malformed() if path in whole else document
        after = None if path in removed else mirrors.source(document, path, target) or document.render()
        if after != before:
            yield Edit(where, before, after, private=path in target.of_files)
            yield from _compiled(path, after, live)


def _compiled(path: str, after: bytes | None, live: LiveConfig) -> Iterable[Edit]:
    """What postmap made of a table goes with it."""
    kind = live.snapshot.kinds.get(live.path(path))
    if after is None and kind and TableType(kind).compiled:
        yield Edit(table.compiled_path(TableType(kind), live.path(path)), None, None, compiled=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
