"""What is wanted on this very host, and what it lacks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.errors import PlanRefused

Make = Callable[..., Any]
GONE = "/etc/ssl/gone.pem"
STATE = f"enforce: all\ncertificates: {{default: unmanaged}}\noutgoing: {{ca_file: {GONE}}}\n"


def test_a_file_that_the_host_names_already_and_that_is_not_there_blocks_nothing(host: Make) -> None:
    mx = host(main=f"myhostname = mx1.example.org\nsmtp_tls_CAfile = {GONE}\n", absent=frozenset({GONE}))
    assert mx.plan(STATE).is_empty


@pytest.mark.parametrize("standing", ["", "smtp_tls_CAfile = /etc/ssl/other.pem\n"], ids=["nothing", "another"])
def test_a_file_that_is_not_there_is_refused_where_the_host_does_not_name_it(host: Make, standing: str) -> None:
    mx = host(main=f"myhostname = mx1.example.org\n{standing}", absent=frozenset({GONE}))
    with pytest.raises(PlanRefused) as refusal:
        mx.plan(STATE)
    (problem,) = refusal.value.problems
    assert str(problem) == (
        f"hosts/mx1.example.org.yaml:3:21: smtp_tls_CAfile: {GONE}: there is no such file on this host; "
        "put it there, or name another"
    )
