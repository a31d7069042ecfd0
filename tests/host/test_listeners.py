"""Which listeners a master.cf can have."""

from __future__ import annotations

import pytest

from reconciler.host.listeners import complaints
from reconciler.host.ports import free_port
from reconciler.postfix import master_cf

SMTPD = "inet n - n - - smtpd\n"


def said(before: str, after: str, interfaces: str = "loopback-only") -> list[str]:
    one, other = (master_cf.parse(it.encode()) for it in (before, after))
    return list(complaints(one, other, interfaces, None))


@pytest.mark.parametrize("other", ["127.0.0.1:{}", "localhost:{}", "{}"])
def test_two_services_at_one_place_are_named(other: str) -> None:
    port = free_port()
    one, two = f"127.0.0.1:0{port}", other.format(port)
    found = said(f"{one} {SMTPD}", f"{one} {SMTPD}{two} {SMTPD}")
    assert found == [f"master.cf: {two}: {one} listens there too"]


def test_all_interfaces_and_one_of_them_are_one_place() -> None:
    port = free_port()
    found = said("", f"{port} {SMTPD}127.0.0.1:{port} {SMTPD}", "all")
    assert found == [
        f"master.cf: {port}: 127.0.0.1:{port} listens there too",
        f"master.cf: 127.0.0.1:{port}: {port} listens there too",
    ]


def test_what_was_so_before_is_not_looked_at() -> None:
    port = free_port()
    both = f"127.0.0.1:{port} {SMTPD}localhost:{port} {SMTPD}"
    assert said(both, both) == []


def test_two_addresses_and_two_ports_are_two_places() -> None:
    port, other = free_port(), free_port()
    assert said("", f"127.0.0.1:{port} {SMTPD}127.0.0.2:{port} {SMTPD}127.0.0.1:{other} {SMTPD}") == []
