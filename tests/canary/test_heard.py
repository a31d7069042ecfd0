"""What a line of the log says against a candidate."""

from __future__ import annotations

import pytest

from reconciler.canary.heard import trouble

ROOT = "/tmp/reconciler-canary-1-x"


@pytest.mark.parametrize(
    ("said", "text", "is_death"),
    [
        ("tlsmgr[7]: fatal: bad time", "tlsmgr: fatal: bad time", True),
        ("master[7]: warning: smtp: bad command startup -- throttling", None, True),
        (f"smtpd[7]: warning: table hash:{ROOT}/etc/t lookup", "smtpd: warning: table hash:t lookup", False),
        ("smtp[7]: warning: regexp map /t, line 1: ignoring unrecognized request", None, False),
        ("tlsmgr[7]: warning: cannot open entropy device urandom", None, False),
    ],
)
def test_what_keeps_mail_or_tls_from_working_counts(said: str, text: str | None, is_death: bool) -> None:
    found = trouble(f"Nov 23 14:00:00 mx1 canary/{said}", ROOT)
    assert found is not None
    assert found.is_death is is_death
    assert text in (None, found.text)


@pytest.mark.parametrize(
    "said",
    [
        "smtpd[7]: connect from localhost[127.0.0.1]",
        "smtpd[7]: warning: restriction `reject_sender_login_mismatch' ignored: no SASL support",
        "cleanup[7]: warning: a lookup of no consequence",
    ],
)
def test_what_does_not_is_passed_over(said: str) -> None:
    assert trouble(f"Nov 23 14:00:00 mx1 canary/{said}", ROOT) is None


def test_the_same_fault_has_the_same_key_in_every_run() -> None:
    one, two = (trouble(f"Nov 23 14:00:00 mx1 canary/smtp[{at}]: fatal: port 1{at}", ROOT) for at in (11, 22))
    assert one is not None
    assert two is not None
    assert one.key == two.key
