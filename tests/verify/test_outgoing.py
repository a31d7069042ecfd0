"""Declared policies for destinations, read back from what postmap made."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.host.programs import Postfix
from reconciler.model.proof import Outcome
from reconciler.verify import outgoing
from tests.verify.conftest import STATE, outcomes, the

pytestmark = pytest.mark.postfix

PASSED, FAILED, LEFT_OUT = Outcome.PASSED, Outcome.FAILED, Outcome.LEFT_OUT
POLICIES = STATE + 'outgoing:\n  policies: {bank.example: secure match=nexthop, "[relay.test]:587": encrypt}\n'
MANY = STATE + "outgoing:\n  policies:\n" + "".join(f"    d{at}.test: encrypt\n" for at in range(20))
TABLE = "table/tls_policy"


@pytest.fixture
def proofs(mail_host):
    """A host whose smtp client reads hash:tls_policy, and what is proved of its rows."""
    host = mail_host(smtp_tls_policy_maps="hash:$config_directory/tls_policy")

    def prove(*rows, state=POLICIES):
        host.table("tls_policy", *rows)
        return tuple(outgoing.policies(host.live(), host.state(state), Postfix(host.config_directory)))

    return host, prove


def test_each_row_is_what_a_lookup_gives(proofs):
    _, prove = proofs
    found = prove("bank.example  secure  match=nexthop", "[relay.test]:587 encrypt", "other.test may")
    assert {proof.subject for proof in found} == {f"{TABLE}#bank.example", f"{TABLE}#[relay.test]:587"}
    assert {proof.outcome for proof in found} == {PASSED}
    assert the(found, "policy-compiled", f"{TABLE}#bank.example").observed == "secure  match=nexthop"


def test_a_row_that_is_absent_or_another_is_told(proofs):
    _, prove = proofs
    found = prove("bank.example may")
    assert [(proof.outcome, proof.observed) for proof in found] == [(FAILED, "may"), (FAILED, "no such row")]


def test_a_table_that_was_never_compiled_is_told(proofs):
    host, _ = proofs
    (found,) = outgoing.policies(host.live(), host.state(POLICIES), Postfix(host.config_directory))
    assert (found.subject, found.outcome) == (TABLE, FAILED)
    assert "No such file or directory" in found.observed


def test_a_table_that_the_client_is_not_told_to_read_is_no_policy(proofs):
    host, prove = proofs
    host.edit("main.cf", "smtp_tls_policy_maps =", "#")
    (found,) = prove("bank.example secure match=nexthop", "[relay.test]:587 encrypt")
    assert (found.outcome, found.observed) == (FAILED, "smtp_tls_policy_maps does not name hash:tls_policy")


def test_many_rows_are_one_proof(proofs):
    _, prove = proofs
    rows = [f"d{at}.test encrypt" for at in range(20)]
    (found,) = prove(*rows, state=MANY)
    assert (found.outcome, found.observed) == (PASSED, "20 rows as declared, of 20")
    (found,) = prove(*rows[2:], state=MANY)
    assert (found.outcome, found.observed) == (FAILED, "2 rows differ or are absent: d0.test, d1.test")


def test_policies_that_are_only_observed_are_left_out(proofs):
    _, prove = proofs
    found = prove("bank.example may", state="observe: [outgoing.policies]\n" + POLICIES)
    assert outcomes(found) == {"policy-compiled": LEFT_OUT}


ROWS = ("bank.example secure match=nexthop", "[relay.test]:587 encrypt")


@pytest.mark.parametrize("service", ["smtp", "relay"])
def test_a_client_that_is_told_to_read_no_policies_has_none(proofs, service):
    host, prove = proofs
    path = Path(host.config_directory, "master.cf")
    host.instance.write(
        "master.cf", path.read_text() + f"{service} unix - - n - - smtp\n  -o {{ smtp_tls_policy_maps = }}\n"
    )
    (found,) = prove(*ROWS)
    assert (found.subject, found.outcome) == (TABLE, FAILED)
    assert found.observed == (f"of {service}/unix in master.cf: smtp_tls_policy_maps does not name hash:tls_policy")


def test_a_map_that_is_asked_first_and_answers_is_told(proofs):
    host, prove = proofs
    host.edit("main.cf", "smtp_tls_policy_maps = ", "smtp_tls_policy_maps = static:none, ")
    (found,) = prove(*ROWS)
    assert (found.outcome, found.observed) == (
        FAILED,
        "static:none is asked first, and answers for bank.example: none",
    )


def test_a_map_that_is_asked_first_and_answers_for_others_only_is_no_failure(proofs):
    host, prove = proofs
    first = "inline:{{other.test=none}, {[relay.test]:587=encrypt}}, "
    host.edit("main.cf", "smtp_tls_policy_maps = ", f"smtp_tls_policy_maps = {first}")
    found = prove(*ROWS)
    assert [proof.outcome for proof in found] == [PASSED, PASSED]


def test_a_map_that_is_asked_first_and_cannot_be_is_told(proofs):
    host, prove = proofs
    host.edit("main.cf", "smtp_tls_policy_maps = ", "smtp_tls_policy_maps = hash:/nonexistent, ")
    (found,) = prove(*ROWS)
    assert found.outcome is FAILED
    assert found.observed.startswith("hash:/nonexistent is asked first, and cannot be: ")
