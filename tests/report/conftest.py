"""Plans that hold one foreign text in every place where one can stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from reconciler.errors import Position, Problem
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
from reconciler.model.review import (
    AgainstSnapshot,
    DifferenceOnly,
    Freshness,
    HostReview,
    Judgement,
    Refused,
    Remark,
    Review,
    Touch,
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


def review_with(text: str) -> Review:
    """A review in which every field that a repository or a host decides is `text`."""
    plan = plan_with(text)
    problem = Problem(Position(text, 3, 5), text, text, text)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    remark = Remark(Judgement.FAIL, "tls_weakened", text, ParameterAddress(f"{text}2"))
    snapshot = AgainstSnapshot(now, timedelta(hours=3), Freshness.MARKED, text)
    owed = replace(plan, changes=plan.changes[::2], guards=())
    hosts = (
        HostReview(text, text, Touch.CHANGED, snapshot, plan, owed, (), (remark,)),
        HostReview(f"{text}2", "", Touch.CHANGED, snapshot, plan, owed, (), (remark,)),
        HostReview(text, "", Touch.ADDED, DifferenceOnly(), plan),
        HostReview(text, "", Touch.REMOVED, Refused(text), None, None, (problem,), (replace(remark, address=None),)),
    )
    return Review(
        base=text,
        head=text,
        origin=text,
        now=now.isoformat(),
        marked_after=timedelta(hours=1),
        refused_after=timedelta(days=7),
        hosts=hosts,
        untouched=2,
        remarks=(remark, Remark(Judgement.WARN, "snapshot_old", text)),
    )
