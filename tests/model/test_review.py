"""What a review says of itself: its judgement, its groups, and what is caused and what was owed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.errors import Position, Problem
from reconciler.model.address import ParameterAddress
from reconciler.model.desired import Origin
from reconciler.model.plan import Change, Disruption, Plan, Reason, Why
from reconciler.model.review import (
    AgainstSnapshot,
    DifferenceOnly,
    Freshness,
    HostReview,
    Judgement,
    Remark,
    Review,
    Touch,
)

TAKEN = datetime(2026, 11, 23, 12, tzinfo=UTC)


def basis(hours: int = 1, freshness: Freshness = Freshness.FRESH) -> AgainstSnapshot:
    return AgainstSnapshot(TAKEN, timedelta(hours=hours), freshness, "")


def change(name: str, after: str, file: str = "hosts/mx1.example.org.yaml") -> Change:
    origin = Origin(Position(file, 3, 1), "host")
    return Change(
        ParameterAddress(name), None, after, Why.INTENTIONAL, Reason.DECLARED, Disruption.RELOAD, origin=origin
    )


def plan(host: str, *changes: Change) -> Plan:
    return Plan(host, "", "/etc/postfix", "3.7.11", "1" * 40, "state", TAKEN.isoformat(), host, changes)


def reviewed(host: str, *changes: Change, **others) -> HostReview:
    given = {"touch": Touch.CHANGED, "basis": basis(), "plan": plan(host, *changes), "owed": plan(host)}
    return HostReview(host, "", **{**given, **others})


def review(*hosts: HostReview, **others) -> Review:
    day = timedelta(days=1)
    return Review("0" * 40, "1" * 40, "state", TAKEN.isoformat(), day, 7 * day, hosts, **others)


def test_hosts_with_the_same_changes_are_one_group_whatever_their_names_files_and_ages():
    one = reviewed("a.example", change("smtp_tls_loglevel", "1", "hosts/a.example.yaml"))
    other = reviewed("b.example", change("smtp_tls_loglevel", "1", "hosts/b.example.yaml"), basis=basis(hours=5))
    third = reviewed("c.example", change("smtp_tls_loglevel", "2", "hosts/c.example.yaml"))
    assert [[it.host for it in group.hosts] for group in review(one, other, third).groups] == [
        ["a.example", "b.example"],
        ["c.example"],
    ]


def test_a_host_judged_otherwise_is_a_group_of_its_own():
    same = change("smtp_tls_loglevel", "1", "profiles/house.yaml")
    hosts = (
        reviewed("a.example", same),
        reviewed("b.example", same, basis=basis(freshness=Freshness.MARKED)),
        reviewed("c.example", same, basis=DifferenceOnly()),
    )
    assert len(review(*hosts).groups) == 3


def test_what_base_owed_already_is_not_caused_by_the_change():
    drift, new, gone = change("smtp_tls_loglevel", "1"), change("smtpd_tls_loglevel", "1"), change("tls_x", "1")
    host = reviewed("a.example", drift, new, owed=plan("a.example", replace(drift, origin=None), gone))
    assert host.caused == (new,)
    assert host.still_owed == (drift,)
    assert host.no_longer_owed == (gone,)


def test_the_worst_remark_is_the_judgement_and_failing_rules_are_named_once():
    def told(judgement: Judgement, rule: str) -> Remark:
        return Remark(judgement, rule, "why")

    warned = reviewed("a.example", remarks=(told(Judgement.WARN, "no_snapshot"),))
    failed = reviewed("b.example", remarks=(told(Judgement.FAIL, "tls_weakened"),) * 2)
    assert review().judgement is Judgement.PASS
    assert review(warned).judgement is Judgement.WARN
    assert review(warned, failed).judgement is Judgement.FAIL
    assert review(warned, failed).failed_rules == ("tls_weakened",)


def test_errors_of_the_state_fail_the_check():
    invalid = review(problems=(Problem(Position("hosts/a.yaml"), "it is wrong"),))
    assert invalid.judgement is Judgement.FAIL
    assert invalid.failed_rules == ("state_invalid",)
