"""What a declaration comes to on a host, told once; where two say one address, the later counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler import desired, live
from reconciler.model.address import FileAddress, ParameterAddress
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.desired import DesiredState, Part
from reconciler.model.snapshot import RepoSnapshot
from reconciler.plan.settled import Settled, settle
from tests.plan.conftest import DIRECTORY

Make = Callable[..., Any]
PEM = "chain_files: [tls/mx.pem], until_present: self_signed"
LEVEL = ParameterAddress("smtpd_tls_security_level")
HEAD = "enforce: all\ncertificates: {default: unmanaged}\n"


def state(text: str) -> DesiredState:
    return desired.load(RepoSnapshot({"hosts/a.yaml": text.encode()}, "r", "o"), "a")


def ground(host: Any, entries: dict[Any, Applied]) -> Settled:
    return Settled(live.read(host.snapshot({})), LastApplied(DIRECTORY, entries=entries))


def test_what_is_wanted_written_and_standing_alike_needs_no_look(host: Make) -> None:
    record = Applied("may", None, Part.INCOMING.value)
    mx = host(main="myhostname = mx1.example.org\nsmtpd_tls_security_level = may\n")
    target = settle(state(f"{HEAD}incoming: {{security_level: may}}\n"), ground(mx, {LEVEL: record}))
    assert (target.in_place, target.open) == ({LEVEL: record}, {})


def test_all_else_is_to_be_compared(host: Make) -> None:
    wanted = state(f"{HEAD}incoming: {{security_level: may}}\n")
    observed = state("enforce: []\ncertificates: {default: unmanaged}\nincoming: {security_level: may}\n")
    may, none = "smtpd_tls_security_level = may\n", "smtpd_tls_security_level = none\n"
    record = Applied("may", None, Part.INCOMING.value)
    for case, main, entries in (
        (wanted, none, {LEVEL: record}),
        (wanted, may, {}),
        (wanted, may, {LEVEL: Applied("none", None, Part.INCOMING.value)}),
        (wanted, may, {LEVEL: Applied("may", None, Part.PARAMETERS.value)}),
        (observed, may, {LEVEL: record}),
    ):
        target = settle(case, ground(host(main=f"myhostname = mx1.example.org\n{main}"), entries))
        assert (target.in_place, list(target.open)) == ({}, [LEVEL])


def test_a_declaration_is_settled_once_for_a_host(host: Make) -> None:
    declared, mx = state(f"{HEAD}incoming: {{security_level: may}}\n"), ground(host(), {})
    first, second = (settle(declared, mx).wanted[LEVEL] for _ in range(2))
    assert first is second
    assert settle(declared, ground(host(), {})).wanted[LEVEL] == first


def test_of_two_declarations_of_one_address_the_later_counts_and_is_told_once(host: Make) -> None:
    target = settle(
        state(f"enforce: all\ncertificates: {{default: {{{PEM}}}, b.example: {{{PEM}}}}}\n"), ground(host(), {})
    )
    file = FileAddress("tls/mx.pem")
    assert target.wanted[file].value == "self-signed for b.example, 397 days"
    assert target.open == target.wanted
    assert target.in_place == {}
    assert len(target.lines) == len(set(target.lines)) == len(target.wanted) - 1  # what a file holds is not said
