"""Plans that hold one foreign text in every place where one can stand."""

from __future__ import annotations

from datetime import date

from reconciler.errors import Position
from reconciler.model.address import (
    ElementAddress,
    FileAddress,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.desired import Origin, Waiver
from reconciler.model.plan import (
    BuildTable,
    Change,
    Difference,
    Disruption,
    Drift,
    Plan,
    Reason,
    Reload,
    Tripped,
    Warned,
    Why,
)


def plan_with(text: str) -> Plan:
    """A plan in which every field that a repository or a host decides is `text`."""
    origin = Origin(Position(text, 3, 5), text)
    parameter = ParameterAddress(text)
    service = ServiceAddress(text, text)
    addresses = (
        FileAddress(text), TableAddress(text), RowAddress(text, text), service, OptionAddress(service, text), parameter,
        ElementAddress(text, text),
    )  # fmt: skip
    values = ((None, text), (text, text), (text, None))
    changes = tuple(
        Change(address, before, after, Why.INTENTIONAL, Reason.DECLARED, Disruption.RELOAD, text, origin)
        for address in addresses
        for before, after in values
    )
    forgotten = Change(
        parameter, text, text, Why.INTENTIONAL, Reason.NO_LONGER_MANAGED, Disruption.NONE, text, forget=True
    )
    waiver = Waiver("tls_weakened", text, text, date(2027, 1, 31), origin)
    return Plan(
        host=text,
        instance=text,
        config_directory=text,
        mail_version=text,
        revision=text,
        origin=text,
        now="2026-11-23T12:00:00+00:00",
        digest="",
        changes=(*changes, forgotten),
        drift=(Drift(parameter, text, text), Drift(parameter, None, text), Drift(parameter, text, None)),
        observed=(Difference(parameter, text, None, origin), Difference(parameter, None, text, origin)),
        warnings=(Warned("duplicate", parameter, text), Warned("duplicate", None, text)),
        guards=(Tripped("tls_weakened", parameter, text), Tripped("tls_weakened", parameter, text, waiver)),
        actions=(BuildTable("hash", text, text), Reload(text)),
    )
