"""Mail between two private instances: under TLS, held back for want of TLS, or in plaintext."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.host.programs import Postfix
from reconciler.model.proof import Outcome
from reconciler.verify import sending
from reconciler.verify.proofs import verify
from tests.verify.conftest import STATE, the

pytestmark = pytest.mark.postfix

PASSED, FAILED, LEFT_OUT = Outcome.PASSED, Outcome.FAILED, Outcome.LEFT_OUT


@pytest.fixture
def pair(mail_host):
    """A host, and a peer that it reaches as tls.test, or as plain.test where the peer offers no TLS."""

    def make(peer_level="may", **parameters):
        peer = mail_host("peer.test", smtpd_tls_security_level=peer_level, mydestination="tls.test, peer.test")
        nexthop = f"[127.0.0.1]:{peer.instance.smtpd_port}"
        parameters = {
            "smtp_tls_security_level": "may",
            "smtp_tls_loglevel": "1",
            "transport_maps": f"inline:{{ {{ tls.test = smtp:{nexthop} }} }}",
            **{name: value.replace("NEXTHOP", nexthop) for name, value in parameters.items()},
        }
        return mail_host(**parameters), peer

    return make


def send(host, recipient="b@tls.test", patience=sending.PATIENCE):
    (proof,) = sending.send(host.live(), Postfix(host.config_directory), (recipient,), patience)
    return proof


def test_mail_to_a_peer_with_tls_goes_under_tls(pair):
    host, peer = pair()
    proof = send(host)
    assert (proof.name, proof.subject, proof.outcome) == ("outgoing-tls", "b@tls.test", PASSED)
    name = f"127.0.0.1[127.0.0.1]:{peer.instance.smtpd_port}"
    assert proof.observed.startswith(f"Untrusted TLS connection established to {name}: TLSv1.3 with cipher TLS_AES_")
    assert "; dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as " in proof.observed
    peer.instance.wait_for_log("delivered to maildir")
    (message,) = peer.instance.delivered()
    assert b"Return-Path: <>" in message
    assert b"Auto-Submitted: auto-generated" in message


def test_mail_in_plaintext_is_a_failure_that_names_the_policy(pair):
    host, _ = pair("none")
    proof = send(host)
    assert (proof.name, proof.outcome) == ("outgoing-tls", FAILED)
    assert proof.observed.startswith("without TLS, though the policy is may for [127.0.0.1]:")


def test_mail_under_forced_tls_is_held_where_the_peer_has_none_and_then_taken_out_of_the_queue(pair):
    host, peer = pair("none", smtp_tls_policy_maps="inline:{ { NEXTHOP = encrypt } }")
    proof = send(host)
    assert (proof.name, proof.outcome) == ("forced-tls-held", PASSED)
    assert proof.observed == (
        "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host 127.0.0.1[127.0.0.1])"
    )
    assert host.instance.queue() == b""
    assert peer.instance.delivered() == []


def test_a_policy_for_the_bare_domain_is_not_the_nexthops(pair):
    host, _ = pair("none", smtp_tls_policy_maps="inline:{ { tls.test = encrypt } }")
    assert send(host).outcome is FAILED


def test_a_policy_that_smtp_cannot_read_is_told_and_nothing_is_sent(pair):
    host, _ = pair(smtp_tls_policy_maps="inline:{ { NEXTHOP = encrpyt } }")
    proof = send(host)
    assert proof.outcome is FAILED
    assert "encrpyt" in proof.observed
    assert proof.observed.endswith("nothing was sent")


def test_a_certificate_that_does_not_match_holds_the_mail_for_another_reason(pair):
    host, _ = pair(smtp_tls_policy_maps="inline:{ { NEXTHOP = secure match=bank.example } }")
    proof = send(host)
    assert (proof.name, proof.outcome) == ("outgoing-tls", FAILED)
    assert "Server certificate not verified" in proof.observed
    assert host.instance.queue() == b""


def test_a_peer_that_is_not_there_is_a_failure_and_leaves_no_mail_behind(pair):
    host, peer = pair()
    peer.instance.stop()
    proof = send(host)
    assert proof.outcome is FAILED
    assert "Connection refused" in proof.observed
    assert host.instance.queue() == b""


def test_where_the_log_cannot_tell_nothing_is_sent(pair):
    host, _ = pair(smtp_tls_loglevel="0")
    proof = send(host)
    assert (proof.outcome, proof.observed) == (
        LEFT_OUT,
        "smtp_tls_loglevel is 0, so the log does not tell; nothing was sent",
    )
    assert "cleanup" not in host.instance.log()


@pytest.mark.parametrize("recipient", ["nobody", "a@b.test\nBcc: c@d.test", "a b@c.test", ""])
def test_what_is_no_address_gets_no_mail(pair, recipient):
    host, _ = pair()
    assert send(host, recipient).observed == "this is no address; write it as user@domain"
    assert "cleanup" not in host.instance.log()


def test_mail_that_stays_here_travels_no_wire(pair):
    host, _ = pair()
    proof = send(host, "me@mx1.test")
    assert proof.outcome is LEFT_OUT
    assert proof.observed.startswith("virtual delivered it, without a connection: ")


def test_mail_of_which_nothing_is_heard_is_a_failure_and_is_removed(pair):
    host, _ = pair(defer_transports="smtp")
    host.instance.configure(default_destination_concurrency_limit="1")
    proof = send(host, patience=timedelta(seconds=1))
    assert proof.outcome is FAILED
    assert host.instance.queue() == b""


def test_no_mail_is_sent_unless_asked(pair):
    host, _ = pair()
    proofs = verify(host.live(), host.state(STATE), Postfix(host.config_directory))
    assert {proof.outcome for proof in proofs} == {PASSED, LEFT_OUT}
    assert the(proofs, "outgoing-tls").observed == "no mail is sent unless asked for with --send RECIPIENT"
    assert "cleanup" not in host.instance.log()


def test_every_proof_is_described(pair):
    host, _ = pair("none", smtp_tls_policy_maps="inline:{ { NEXTHOP = encrypt } }")
    described = (Path(__file__).parents[2] / "docs/reference/proofs.md").read_text()
    headings = [line for line in described.splitlines() if line.startswith("### ")]
    state = STATE.replace("security_level: may", "security_level: may\n  policies: {senders: [b.test]}", 1)
    policies = "outgoing: {policies: {b.test: encrypt}}\n"
    proofs = verify(host.live(), host.state(state + policies), Postfix(host.config_directory), send_to=("b@tls.test",))
    names = {proof.name for proof in proofs}
    assert {"forced-tls-held", "policy-compiled", "sender-policy-plaintext", "tls-on-connect"} <= names
    assert [name for name in names if not any(name in heading for heading in headings)] == []


def test_everything_at_once(pair):
    host, _ = pair()
    proofs = verify(
        host.live(), host.state(STATE), Postfix(host.config_directory), send_to=("b@tls.test", "c@tls.test")
    )
    assert [proof.subject for proof in proofs if proof.name == "outgoing-tls" and proof.outcome is PASSED] == [
        "b@tls.test",
        "c@tls.test",
    ]


def test_a_stopped_postfix_sends_nothing(pair):
    host, _ = pair()
    host.instance.stop()
    proofs = verify(host.live(), None, Postfix(host.config_directory), send_to=("b@tls.test",))
    assert (proofs[-1].subject, proofs[-1].outcome) == ("b@tls.test", LEFT_OUT)
    assert [proof.name for proof in proofs if proof.outcome is FAILED] == ["postfix-running"]
