"""What reading tells of services and tables that Postfix starts with, and nobody can use."""

from __future__ import annotations

import pytest

from reconciler.canary import static
from reconciler.model.candidate import Candidate

pytestmark = pytest.mark.postfix
LOGIN = "permit_sasl_authenticated, reject"


def new(host, **parameters: str) -> list[str]:
    """The faults of main.cf with these parameters that the host does not have, without its ports."""
    text = host.text("main.cf") + "".join(f"{name} = {value}\n" for name, value in parameters.items())
    standing = dict(static.faults(Candidate(host.instance.config_directory), host.config))
    found = dict(static.faults(host.candidate(main_cf=text), host.config))
    return [it.partition("/inet: ")[2] or it for key, it in found.items() if key not in standing]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"smtpd_tls_wrappermode": "yes"}, "smtpd_tls_wrappermode: its clients do not speak TLS from the first byte"),
        ({"smtpd_client_restrictions": "reject"}, "smtpd_client_restrictions: reject comes first"),
        ({"smtpd_relay_restrictions": "defer"}, "smtpd_relay_restrictions: defer comes first"),
        ({"smtpd_client_restrictions": LOGIN}, "smtpd_client_restrictions: only who has logged in gets past it"),
        (
            {
                "smtpd_client_restrictions": LOGIN,
                "smtpd_sasl_auth_enable": "yes",
                "smtpd_sasl_type": "dovecot",
                "smtpd_discard_ehlo_keywords": "dsn, AUTH",
            },
            "smtpd_client_restrictions: only who has logged in gets past it",
        ),
        ({"smtp_tls_wrappermode": "yes"}, "main.cf: smtp_tls_wrappermode: servers on port 25"),
        ({"smtp_tls_mandatory_exclude_ciphers": "MD5, ALL"}, "main.cf: smtp_tls_mandatory_exclude_ciphers: ALL leaves"),
        ({"data_directory": "/nowhere"}, "main.cf: data_directory: a Postfix that runs cannot take another one"),
        ({"transport_maps": "inline:{a=b}, hash:/nowhere"}, "transport_maps: hash:/nowhere: there is no nowhere.db"),
        ({"header_checks": "pcre:/nowhere"}, "header_checks: pcre:/nowhere: there is no nowhere"),
        ({"postlog_service_name": "nothing"}, "master.cf: nothing/unix-dgram is gone"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, dict) else "",
)
def test_what_nobody_can_use_is_found(host, parameters: dict[str, str], says: str) -> None:
    found = new(host, **parameters)
    assert found
    assert all(it.startswith(says) for it in found), found


@pytest.mark.parametrize(
    "parameters",
    [
        {"smtpd_client_restrictions": LOGIN, "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot"},
        {"smtpd_client_restrictions": "permit_mynetworks, reject"},
        {"smtp_tls_wrappermode": "yes", "relayhost": "[mail.example]:465"},
        {"smtp_tls_exclude_ciphers": "MD5, aNULL"},
        {"smtpd_tls_session_cache_database": "btree:/nowhere/cache"},
        {"my_own": "hash:/nowhere"},
    ],
    ids=" ".join,
)
def test_what_somebody_uses_is_not(host, parameters: dict[str, str]) -> None:
    assert new(host, **parameters) == []


def test_what_was_so_before_stops_nothing(host) -> None:
    host.instance.configure(transport_maps="hash:/nowhere", smtpd_helo_restrictions="reject")
    assert new(host, smtpd_tls_loglevel="1") == []
