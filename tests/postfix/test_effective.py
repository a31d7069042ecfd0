from __future__ import annotations

import pytest

from reconciler.postfix import endpoint, master_cf
from reconciler.postfix.effective import View, client_level, server_level


def view(**explicit: str) -> View:
    return View(explicit, {"smtpd_tls_wrappermode": "no", "smtpd_tls_security_level": ""})


@pytest.mark.parametrize(
    ("parameters", "level"),
    [
        ({}, "none"),
        ({"smtpd_tls_security_level": "may"}, "may"),
        ({"smtpd_use_tls": "yes"}, "may"),
        ({"smtpd_use_tls": "yes", "smtpd_enforce_tls": "yes"}, "encrypt"),
        ({"smtpd_tls_security_level": "none", "smtpd_enforce_tls": "yes"}, "none"),
        ({"smtpd_tls_security_level": "none", "smtpd_tls_wrappermode": "yes"}, "encrypt"),
        ({"smtpd_tls_security_level": "verify"}, "encrypt"),
        ({"level": "may", "smtpd_tls_security_level": "${level?$level}"}, "may"),
    ],
)
def test_the_level_of_the_server(parameters: dict[str, str], level: str) -> None:
    assert server_level(view(**parameters)) == level


@pytest.mark.parametrize(
    ("parameters", "level"),
    [
        ({}, "none"),
        ({"smtp_use_tls": "yes"}, "may"),
        ({"smtp_enforce_tls": "yes", "smtp_tls_enforce_peername": "yes"}, "verify"),
        ({"smtp_enforce_tls": "yes", "smtp_tls_enforce_peername": "no"}, "encrypt"),
        ({"smtp_use_tls": "yes", "smtp_tls_security_level": "dane"}, "dane"),
    ],
)
def test_the_level_of_the_client(parameters: dict[str, str], level: str) -> None:
    assert client_level(view(**parameters)) == level


@pytest.mark.parametrize(
    "arguments",
    [
        "-o smtpd_tls_security_level=encrypt",
        "-osmtpd_tls_security_level=encrypt",
        "-o { smtpd_tls_security_level = encrypt }",
        "-v -o smtpd_tls_security_level=encrypt",
        "-vo smtpd_tls_security_level=encrypt",
        "-o smtpd_tls_security_level=may\n  # note\n  -o smtpd_tls_security_level=encrypt",
    ],
)
def test_an_option_in_any_spelling_overrides_main_cf(arguments: str) -> None:
    service = master_cf.parse(f"587 inet n - n - - smtpd {arguments}\n".encode()).services[0]
    assert server_level(view(smtpd_tls_security_level="none").with_overrides(service.overrides)) == "encrypt"


def test_submission_is_587() -> None:
    document = master_cf.parse(b"587 inet n - n - - smtpd\nsubmission inet n - n - - smtpd -v\n")
    found = document.get("submission", "inet")
    assert found is not None
    assert found.other_arguments == ("-v",)
    assert endpoint.canonical("smtps") == endpoint.canonical("465") == "submissions"
    assert endpoint.port_number("[::1]:submission") == 587
