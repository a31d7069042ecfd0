"""What the canary lets pass, and what it stops, on a host that works."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.canary import try_out
from reconciler.verify.service import service_proofs

pytestmark = pytest.mark.postfix


def test_the_configuration_as_it_stands_passes(host) -> None:
    verdict = host.tried()
    assert verdict.passed
    assert verdict.left_out == ()


def test_a_chain_file_that_is_not_there_is_found_by_reading(host) -> None:
    verdict = host.with_parameters(smtpd_tls_chain_files="/nowhere.pem")
    assert (verdict.problems, verdict.started) == (("/nowhere.pem: there is no such file",), False)


def test_a_handshake_that_comes_to_nothing_is_stopped(host) -> None:
    verdict = host.with_parameters(smtpd_tls_ciphers="higher")
    assert any(it.startswith(f"starttls-offered 127.0.0.1:{host.instance.smtpd_port}: ") for it in verdict.problems), (
        verdict
    )


def test_a_policy_table_that_is_not_there_is_stopped(host) -> None:
    verdict = host.with_parameters(smtp_tls_policy_maps="hash:/nowhere")
    assert (verdict.problems, verdict.started) == (
        ("smtp_tls_policy_maps: hash:/nowhere: there is no nowhere.db",),
        False,
    )


def test_a_client_that_speaks_no_tls_any_more_is_stopped(host) -> None:
    verdict = host.with_parameters(
        smtp_tls_security_level="encrypt",
        smtp_tls_mandatory_protocols="TLSv1.2",
        smtp_tls_mandatory_exclude_ciphers="AES, CHACHA20, ARIA, CAMELLIA",
    )
    assert any(it.startswith("outgoing mail") for it in verdict.problems), verdict


def test_what_fails_already_stops_nothing(host) -> None:
    host.instance.configure(smtpd_tls_chain_files="/nowhere.pem")
    verdict = host.with_parameters(smtpd_tls_loglevel="1")
    assert verdict.passed
    assert verdict.standing


def test_nothing_is_left_and_the_live_instance_hears_nothing(host) -> None:
    host.instance.start()
    host.instance.wait_for_log("disconnect from")  # what its start has asked
    mark = host.instance.mark()
    before = set(Path("/tmp").glob(f"reconciler-canary-{os.getpid()}-*"))
    assert host.tried().passed
    assert set(Path("/tmp").glob(f"reconciler-canary-{os.getpid()}-*")) == before
    assert host.instance.log_since(mark) == ""


def test_what_has_passed_is_not_tried_again(host) -> None:
    first = host.tried()
    again = try_out(host.candidate(), host.config, service_proofs, proven={first.digest})
    assert (again.passed, again.already_proven, again.proofs) == (True, True, ())


def test_a_table_is_compiled_for_the_canary_alone(host) -> None:
    before = Path(host.path("policy.db")).read_bytes()
    candidate = replace(host.candidate(policy="other.example may\n"), tables={host.path("policy"): "hash"})
    assert try_out(candidate, host.config, service_proofs).passed
    assert Path(host.path("policy.db")).read_bytes() == before


@pytest.mark.parametrize(
    ("parameters", "program"),
    [
        ({"mailbox_delivery_lock": "fcnt"}, "local"),
        ({"bounce_size_limit": "0"}, "bounce"),
        ({"virtual_mailbox_lock": "none"}, "virtual"),
        ({"flush_service_name": "flush", "fast_flush_purge_time": "0"}, "flush"),
    ],
    ids=str,
)
def test_a_program_that_nobody_came_to_is_woken(host, parameters: dict[str, str], program: str) -> None:
    verdict = host.with_parameters(**parameters)
    assert [it for it in verdict.problems if it.startswith(f"{program}: fatal: ")], verdict


def test_a_program_that_does_not_start_anyway_stops_nothing(host) -> None:
    host.instance.configure(bounce_size_limit="0")
    verdict = host.with_parameters(smtpd_tls_loglevel="1")
    assert verdict.passed
    assert any(it.startswith("bounce: fatal: ") for it in verdict.standing)
