"""What a change does to hosts that published themselves, and to those that did not; and what the check says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.desired.repository import validate
from reconciler.errors import SnapshotRefused, StateInvalid
from reconciler.model.review import AgainstSnapshot, DifferenceOnly, Freshness, Judgement, Refused, Touch
from reconciler.report import review_text
from tests.review.conftest import repo

A, B, C = (f"hosts/{name}.example.org.yaml" for name in "abc")
NAME = "a.example.org"
STATE = """\
enforce: all
profile: house
certificates: {default: unmanaged}
incoming: {security_level: may}
outgoing: {security_level: may, policies: {bank.example: encrypt}}
"""
BASE = {
    A: STATE,
    B: STATE,
    C: STATE.replace("profile: house\n", ""),
    "profiles/house.yaml": "outgoing: {ciphers: medium}\n",
}
STRONGER = {**BASE, A: STATE.replace("bank.example: encrypt", "bank.example: secure")}
WEAKER = {**BASE, A: STATE.replace("bank.example: encrypt", "bank.example: may")}
ADDRESS = "table/tls_policy#bank.example"


def addresses(changes) -> list[str]:
    return [str(it.address) for it in changes]


def rules(host) -> list[tuple[Judgement, str]]:
    return [(it.judgement, it.rule) for it in host.remarks]


def test_the_plan_is_the_one_that_the_host_makes(case, machine):
    there = machine(NAME).applied(BASE)
    host = case(BASE, STRONGER, {NAME: there.published()}).host(NAME)
    assert host.plan.changes == there.plan(STRONGER).changes
    assert addresses(host.caused) == [ADDRESS]
    assert host.owed.changes == ()
    assert (host.judgement, host.basis.freshness, host.basis.signer) == (Judgement.PASS, Freshness.FRESH, "somebody")


def test_drift_is_shown_as_owed_and_not_as_caused(case, machine):
    drifted = machine(NAME).applied(BASE).edited("smtp_tls_security_level = may\n", "")
    host = case(BASE, STRONGER, {NAME: drifted.published()}).host(NAME)
    assert addresses(host.plan.changes) == [ADDRESS, "main.cf/smtp_tls_security_level"]
    assert addresses(host.caused) == [ADDRESS]
    assert addresses(host.still_owed) == addresses(host.owed.changes) == ["main.cf/smtp_tls_security_level"]


def test_a_host_that_never_was_applied_to_owes_all_of_base(case, machine):
    host = case(BASE, STRONGER, {NAME: machine(NAME).published()}).host(NAME)
    assert addresses(host.caused) == [ADDRESS]
    assert len(host.still_owed) == len(host.plan.changes) - 1 > 3


@pytest.mark.parametrize("known", [True, False], ids=["snapshot", "no snapshot"])
def test_a_guard_fails_the_check_by_its_name(case, machine, known):
    snapshots = {NAME: machine(NAME).applied(BASE).published()} if known else {}
    made = case(BASE, WEAKER, snapshots).review()
    assert made.judgement is Judgement.FAIL
    assert made.failed_rules == ("tls_weakened",)
    assert "tls_weakened" in review_text.render(made)


@pytest.mark.parametrize("known", [True, False], ids=["snapshot", "no snapshot"])
def test_a_waiver_in_the_same_commit_makes_it_a_visible_warning(case, machine, known):
    waiver = f"waivers: [{{guard: tls_weakened, at: '{ADDRESS}', reason: SEC-4711, until: 2027-01-31}}]\n"
    head = {**WEAKER, A: WEAKER[A] + waiver}
    host = case(BASE, head, {NAME: machine(NAME).applied(BASE).published()} if known else {}).host(NAME)
    told = next(it for it in host.remarks if it.rule == "tls_weakened")
    assert (host.judgement, told.judgement) == (Judgement.WARN, Judgement.WARN)
    assert "waived until 2027-01-31: SEC-4711" in told.text


def test_a_guard_fails_the_check_also_where_the_host_has_not_got_yet_what_the_change_weakens(case, machine):
    behind = {NAME: machine(NAME).published()}
    host = case(BASE, WEAKER, behind).host(NAME)
    assert [(it.before, it.after) for it in host.caused if str(it.address) == ADDRESS] == [(None, "may")]
    assert rules(host) == [(Judgement.FAIL, "tls_weakened")]
    assert host.remarks[0].text.startswith("once the host has what it is owed: ")
    waiver = f"waivers: [{{guard: tls_weakened, at: '{ADDRESS}', reason: SEC-4711, until: 2027-01-31}}]\n"
    assert rules(case(BASE, {**WEAKER, A: WEAKER[A] + waiver}, behind).host(NAME)) == [(Judgement.WARN, "tls_weakened")]


def test_taking_back_what_the_host_has_not_got_yet_weakens_nothing(case, machine):
    behind = {NAME: machine(NAME).applied(BASE).published()}
    assert rules(case(STRONGER, BASE, behind).host(NAME)) == []


def test_a_waiver_that_ended_since_the_snapshot_was_taken_is_none(case, machine):
    waiver = f"waivers: [{{guard: tls_weakened, at: '{ADDRESS}', reason: SEC-4711, until: 2026-11-22}}]\n"
    there = machine(NAME).applied(BASE).published(timedelta(days=2))
    made = case(BASE, {**WEAKER, A: WEAKER[A] + waiver}, {NAME: there}).review()
    assert made.failed_rules == ("tls_weakened",)


@pytest.mark.parametrize(
    ("age", "freshness", "told"),
    [
        (timedelta(minutes=-4), Freshness.FRESH, []),
        (timedelta(hours=24), Freshness.FRESH, []),
        (timedelta(hours=25), Freshness.MARKED, [(Judgement.WARN, "snapshot_old")]),
        (timedelta(days=8), Freshness.TOO_OLD, [(Judgement.FAIL, "snapshot_too_old")]),
    ],
)
def test_an_old_snapshot_is_marked_and_an_older_one_fails(case, machine, age, freshness, told):
    host = case(BASE, STRONGER, {NAME: machine(NAME).applied(BASE).published(age)}).host(NAME)
    assert isinstance(host.basis, AgainstSnapshot)
    assert (host.basis.freshness, rules(host)) == (freshness, told)
    assert addresses(host.caused) == [ADDRESS]


def test_a_snapshot_from_the_future_is_refused(case, machine):
    host = case(BASE, STRONGER, {NAME: machine(NAME).applied(BASE).published(-timedelta(hours=1))}).host(NAME)
    assert isinstance(host.basis, Refused)
    assert "future" in host.basis.why


def test_a_refused_snapshot_fails_the_check_and_hides_no_other_host(case, machine):
    head = {**BASE, "profiles/house.yaml": "outgoing: {ciphers: high}\n"}
    snapshots = {
        "a.example.org": SnapshotRefused("it is signed by nobody"),
        "b.example.org": machine("b.example.org").applied(BASE).published(),
    }
    made = case(BASE, head, snapshots).review()
    assert [(it.name, it.judgement) for it in made.hosts] == [
        ("a.example.org", Judgement.FAIL),
        ("b.example.org", Judgement.PASS),
    ]
    assert made.failed_rules == ("snapshot_refused",)
    assert made.hosts[0].plan is None


def test_without_a_snapshot_the_two_states_are_held_against_each_other_and_it_says_so(case):
    host = case(BASE, STRONGER).host(NAME)
    assert host.basis == DifferenceOnly()
    assert [(str(it.address), it.before, it.after) for it in host.plan.changes] == [(ADDRESS, "encrypt", "secure")]
    assert rules(host) == [(Judgement.WARN, "no_snapshot")]


def test_a_shared_profile_touches_the_hosts_that_use_it_and_no_other(case):
    made = case(BASE, {**BASE, "profiles/house.yaml": "outgoing: {ciphers: high}\n"}).review()
    assert [it.name for it in made.hosts] == ["a.example.org", "b.example.org"]
    assert made.untouched == 1
    assert [[host.name for host in group.hosts] for group in made.groups] == [["a.example.org", "b.example.org"]]


def test_a_change_that_says_the_same_touches_nobody(case):
    head = {**BASE, A: f"# a comment\n{STATE}", "profiles/house.yaml": "outgoing:\n  ciphers:   medium\n"}
    made = case(BASE, head).review()
    assert (made.hosts, made.untouched, made.judgement) == ((), 3, Judgement.PASS)
    assert not made.is_pending


def test_a_new_host_is_planned_from_nothing_or_against_its_snapshot(case, machine):
    head, name = {**BASE, "hosts/d.example.org.yaml": STATE}, "d.example.org"
    bare = case(BASE, head).host(name)
    seen = case(BASE, head, {name: machine(name).published()}).host(name)
    for host in (bare, seen):
        assert (host.touch, host.owed) == (Touch.ADDED, None)
        assert ADDRESS in addresses(host.caused)


def test_a_host_whose_file_is_gone_is_said_to_keep_its_state(case, machine):
    head = {path: content for path, content in BASE.items() if path != A}
    host = case(BASE, head, {NAME: machine(NAME).applied(BASE).published()}).host(NAME)
    assert (host.touch, host.plan, rules(host)) == (Touch.REMOVED, None, [(Judgement.WARN, "host_removed")])


def test_errors_of_head_fail_the_check_with_their_places_and_nothing_is_planned(case):
    made = case(BASE, {**BASE, A: STATE.replace("encrypt", "encrpyt"), "profiles/new.yaml": "x: 1\n"}).review()
    assert made.hosts == ()
    assert [it.position.file for it in made.problems] == [A, "profiles/new.yaml"]
    assert made.failed_rules == ("state_invalid",)


@pytest.mark.parametrize(
    "path", ["hosts/a@b@c.yaml", "hosts/a.example.org@.yaml", "hosts/x/y.yaml", "profiles/x/y.yaml"]
)
def test_a_file_that_nobody_would_read_fails_the_check_as_it_fails_validate(case, path):
    head = {**BASE, path: STATE}
    with pytest.raises(StateInvalid) as refused:
        validate(repo(head))
    made = case(BASE, head).review()
    assert made.problems == refused.value.problems
    assert made.failed_rules == ("state_invalid",)


def test_a_base_that_is_broken_does_not_keep_its_mending_from_being_reviewed(case, machine):
    there = machine(NAME).applied(BASE).published()
    made = case({**BASE, A: "enforce: nonsense\n"}, STRONGER, {NAME: there}).review()
    assert [it.rule for it in made.remarks] == ["base_invalid"]
    assert addresses(made.hosts[0].plan.changes) == [ADDRESS]
    assert made.hosts[0].owed is None


def test_what_cannot_be_carried_out_on_a_host_fails_with_its_place(case, machine):
    head = {**BASE, A: STATE + "parameters: {smtp_tls_enforce_sts_mx_patterns: yes}\n"}
    host = case(BASE, head, {NAME: machine(NAME).applied(BASE).published()}).host(NAME)
    assert host.plan is None
    assert rules(host) == [(Judgement.FAIL, "plan_refused")]
    assert [it.position.file for it in host.problems] == [A]


def test_a_file_that_the_snapshot_says_nothing_of_is_taken_to_be_there_and_said(case, machine):
    head = {**BASE, A: STATE.replace("unmanaged", "{chain_files: [tls/mx.pem]}")}
    host = case(BASE, head, {NAME: machine(NAME).applied(BASE).published()}).host(NAME)
    assert rules(host) == [(Judgement.WARN, "not_in_snapshot")]
    assert addresses(host.caused) == ["main.cf/smtpd_tls_chain_files"]


def test_rows_that_stayed_on_the_host_are_said_where_they_may_matter(case, machine):
    there = replace(machine(NAME), tables={"tls_senders": b"x.example OK\nbank.example reject_plaintext_session\n"})
    head = {**BASE, A: STATE.replace("security_level: may}", "security_level: may, policies: {senders: [x.example]}}")}
    host = case(BASE, head, {NAME: there.applied(BASE).published()}).host(NAME)
    assert (Judgement.WARN, "rows_left_out") in rules(host)


def test_a_table_too_large_to_travel_is_taken_as_base_has_it(case, machine):
    many = "".join(f"d{number}.example encrypt\n" for number in range(6000))
    state = STATE.replace("policies: {bank.example: encrypt}", "policy_files: [policies/p.map]")
    base = {**BASE, A: state, "policies/p.map": many}
    head = {**base, "policies/p.map": many + "new.example secure\n"}
    seen = machine(NAME).applied(base).published()
    assert [(it.complete, it.left_out) for it in seen.tables] == [(False, 6000)]
    host = case(base, head, {NAME: seen}).host(NAME)
    assert addresses(host.plan.changes) == ["table/tls_policy#new.example"]
    assert host.owed.changes == ()


def test_unchecked_signatures_are_said_once(case, machine):
    made = case(BASE, STRONGER, {NAME: machine(NAME).applied(BASE).published()}, signed=False).review()
    assert [(it.judgement, it.rule) for it in made.remarks] == [(Judgement.WARN, "signatures_not_checked")]
