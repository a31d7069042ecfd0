"""In place of a snapshot: a host that is as base would have it, and nothing else.

It knows nothing of the real one. Planning head against it gives the difference of the two states, with the guards that
judge it; what depends on the host (its version, its files, what else stands there) is left open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from reconciler.frozen import replace
from reconciler.live.paths import absolute
from reconciler.model.address import (
    Address,
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.applied import LastApplied
from reconciler.model.desired import DesiredState
from reconciler.model.published import FORMAT_VERSION, Published, PublishedEntry, PublishedTable
from reconciler.plan.settled import Settled, settle
from reconciler.plan.target import Target, Wanted
from reconciler.postfix import catalogue
from reconciler.postfix.table import TableType
from reconciler.review.offline import assuming, read, with_pems

DIRECTORY = "/etc/postfix"
_NEWEST = "3.11.0"
_OWN = frozenset({"myhostname", "compatibility_level"})
_BESIDE = ("syslog_name",)  # what a service of ours sets outside of the scope
_SMTP = "smtp inet n - y - - smtpd"


def bare(host: str, instance: str, now: datetime) -> Published:
    """A Postfix that has every parameter and every type of table, and where nothing is set."""
    return Published(
        format_version=FORMAT_VERSION,
        host=host,
        instance=instance,
        config_directory=DIRECTORY,
        taken=now,
        mail_version=_NEWEST,
        running=True,
        table_types=tuple(kind.value for kind in TableType),
        sasl_server_types=("cyrus", "dovecot"),
        defaults="".join(f"{name} =\n" for name in (*catalogue.parameters(), *_BESIDE)),
        main_cf=f"myhostname = {host}\ncompatibility_level = 3.6\n",
        master_cf=f"{_SMTP}\n",
    )


def as_if(state: DesiredState, now: datetime) -> Published:
    """The host as it would be, had this state been applied to it from nothing."""
    host = bare(state.host, state.instance, now)
    config = read(host, now).config
    unseen, _ = assuming(state, config, LastApplied(DIRECTORY))
    config = with_pems(config, unseen)
    target = settle(state, Settled(config, LastApplied(DIRECTORY)))
    wanted = {address: want for address, want in target.wanted.items() if want.value is not None}
    return replace(
        host,
        main_cf=host.main_cf + "".join(_main(wanted)),
        master_cf=host.master_cf + "".join(_master(wanted, target)),
        tables=tuple(_tables(wanted, target)),
        entries=tuple(_entry(address, want) for address, want in wanted.items()),
    )


def _main(wanted: Mapping[Address, Wanted]) -> Iterator[str]:
    lists: dict[str, list[str]] = {}
    for address, want in wanted.items():
        if isinstance(address, ParameterAddress) and address.name not in _OWN:
            yield f"{address.name} = {want.value}\n"
        elif isinstance(address, ElementAddress):
            lists.setdefault(address.parameter, []).append(address.element)
    yield from (f"{name} = {', '.join(elements)}\n" for name, elements in lists.items())


def _master(wanted: Mapping[Address, Wanted], target: Target) -> Iterator[str]:
    for address, want in wanted.items():
        if not isinstance(address, ServiceAddress):
            continue
        yield f"{target.names.get(address, address.endpoint)} {address.type} {want.value}\n"
        for option, told in wanted.items():
            if isinstance(option, OptionAddress) and option.service == address:
                yield f"  -o {{ {option.name} = {told.value} }}\n"


def _tables(wanted: Mapping[Address, Wanted], target: Target) -> Iterator[PublishedTable]:
    for address in wanted:
        if isinstance(address, TableAddress):
            rows = (
                f"{row.key} {want.value}\n"
                for row, want in wanted.items()
                if isinstance(row, RowAddress) and row.path == address.path
            )
            yield PublishedTable(absolute(address.path, DIRECTORY), target.kinds[address.path].value, "".join(rows))


def _entry(address: Address, want: Wanted) -> PublishedEntry:
    adopted = want.value if isinstance(address, FileAddress) else None
    return PublishedEntry(str(address), want.value, adopted, want.part.value)
