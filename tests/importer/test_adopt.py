"""A hand edit becomes a patch of the host file, after which the state says what is live."""

from __future__ import annotations

import difflib

import pytest

from reconciler import importer, live, plan
from reconciler.importer import CannotAdopt
from reconciler.model import address
from reconciler.model.applied import LastApplied

FILE = "hosts/mx1.example.org.yaml"
STATE = """\
groups: [base]
enforce: all
certificates: {default: unmanaged}

incoming:
  security_level: may   # RFC 3207
outgoing:
  policies:
    bank.example: encrypt  # they promised
submission:
  sasl: {type: dovecot, path: private/auth}
"""
FLEET = """\
groups:
  base:
    incoming: {received_header: yes}
    parameters: {smtp_tls_loglevel: 1}
"""
SERVICE = """\
submission inet n - y - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot -o smtpd_sasl_path=private/auth -o smtpd_tls_auth_only=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""
MAIN = ("smtpd_tls_security_level=may", "smtpd_tls_received_header=yes", "smtp_tls_loglevel=1", "smtp_tls_policy_maps=hash:/etc/postfix/tls_policy")  # fmt: skip
ROWS = b"bank.example encrypt\n"


@pytest.fixture
def adopted(host, repo, state):
    """`adopted(ADDRESS, old, new)`: the lines that go and come in the host file once `old` on the host is `new`."""

    def run(where: str, old: str = "", new: str = "", rows: bytes = ROWS) -> list[str]:
        there = host(*MAIN, tables={"tls_policy": rows})
        there = type(there)(there.main, there.master + SERVICE.encode(), there.tables)
        there = there.edited(old, new) if old else there
        files = {FILE: STATE, "fleet.yaml": FLEET}
        wanted = state(files)
        config = there.config(lambda first: plan.interests(wanted, first, LastApplied("/etc/postfix")).tables)
        patch = importer.adopt(address.parse(where), wanted, config, repo(files))
        assert patch.before == STATE
        _settled(patch.state, config, where)
        lines = difflib.ndiff(patch.before.splitlines(), patch.after.splitlines())
        return [line for line in lines if line[0] in "+-"]

    return run


def _settled(wanted, config: live.LiveConfig, where: str) -> None:
    made = plan.plan(wanted, config, LastApplied("/etc/postfix"), revision="", origin="")
    shown = {str(it.address) for it in made.changes} | {str(it.address) for it in made.observed}
    assert where not in shown


LEVEL = "smtpd_tls_security_level=may"


def test_a_value_of_the_host_file_is_replaced_where_it_stands(adopted) -> None:
    assert adopted("main.cf/smtpd_tls_security_level", LEVEL, "smtpd_tls_security_level=none") == [
        "-   security_level: may   # RFC 3207",
        "+   security_level: none   # RFC 3207",
    ]


def test_a_value_of_a_group_is_overridden_in_the_host_file(adopted) -> None:
    assert adopted("main.cf/smtpd_tls_received_header", "header=yes", "header=no") == ["+   received_header: no"]


def test_a_value_of_a_group_under_its_full_name_is_overridden_under_that_name(adopted) -> None:
    assert adopted("main.cf/smtp_tls_loglevel", "smtp_tls_loglevel=1", "smtp_tls_loglevel=2") == [
        "+ ",
        "+ parameters:",
        "+   smtp_tls_loglevel: 2",
    ]


def test_a_parameter_that_went_is_declared_as_the_default_it_has_now(adopted) -> None:
    assert adopted("main.cf/smtp_tls_loglevel", "smtp_tls_loglevel=1\n", "") == [
        "+ ",
        "+ parameters:",
        "+   smtp_tls_loglevel: 0",
    ]


def test_a_parameter_nobody_declared_is_declared(adopted) -> None:
    assert adopted("main.cf/smtpd_tls_auth_only", LEVEL, f"{LEVEL}\nsmtpd_tls_auth_only=yes") == ["+   auth_only: yes"]


def test_a_row_of_policies_is_replaced_added_and_removed(adopted) -> None:
    changed, gone = b"bank.example may\n", b"x.example may\n"
    assert adopted("table/tls_policy#bank.example", rows=changed) == [
        "-     bank.example: encrypt  # they promised",
        "+     bank.example: may  # they promised",
    ]
    assert adopted("table/tls_policy#x.example", rows=ROWS + gone) == ["+     x.example: may"]


def test_a_row_that_went_goes(host, repo, state) -> None:
    rows = "    bank.example: encrypt\n    b.example: may\n"
    files = {FILE: f"certificates: {{default: unmanaged}}\noutgoing:\n  policies:\n{rows}"}
    config = host(MAIN[-1], tables={"tls_policy": b"b.example may\n"}).config()
    patch = importer.adopt(address.parse("table/tls_policy#bank.example"), state(files), config, repo(files))
    assert patch.after == files[FILE].replace("    bank.example: encrypt\n", "")


def test_an_option_of_submission_is_adopted_under_its_key(adopted) -> None:
    assert adopted("master.cf/submission/inet/-o/smtpd_sasl_path", "path=private/auth", "path=private/other") == [
        "-   sasl: {type: dovecot, path: private/auth}",
        "+   sasl: {type: dovecot, path: private/other}",
    ]
    assert adopted("master.cf/submission/inet/-o/smtpd_tls_loglevel", "syslog", "smtpd_tls_loglevel=2 -o syslog") == [
        "+   parameters:",
        "+     smtpd_tls_loglevel: 2",
    ]


def test_a_service_that_went_is_disabled(adopted) -> None:
    assert adopted("master.cf/submission/inet", SERVICE, "") == ["+   enabled: no"]


@pytest.mark.parametrize(
    ("where", "old", "new", "says"),
    [
        ("main.cf/smtpd_tls_security_level", "", "", "nothing to adopt; it is as declared (may)"),
        ("main.cf/smtpd_tls_auth_only", "", "", "nothing to adopt; it is neither declared nor set on the host"),
        ("main.cf/smtpd_tls_security_level", LEVEL, "smtpd_tls_security_level=always", "always cannot be declared: incoming.security_level: 'always' is not a security level"),
        ("main.cf/smtpd_tls_security_level", LEVEL, f"{LEVEL} # c", "Postfix takes the comment behind the value for a part of it; put it on a line of its own"),
        ("main.cf/mynetworks", "", "", "not for a state repository to set, it says who may relay"),
        ("main.cf/smtp_tls_nonsense", "", "", "Postfix 3.7.11 knows no such parameter"),
        ("main.cf/smtp_sasl_password_maps", LEVEL, f"{LEVEL}\nsmtp_sasl_password_maps=static:u:CANARY", "what stands there may hold a password; only the name of a table in a file can be declared"),
        ("main.cf/smtp_tls_policy_maps[hash:x]", "", "", "adopt takes a parameter, an option, a service or a row of policies"),
        ("table/other#x", "", "", "the state declares no such table"),
        ("master.cf/smtp/inet", "", "", "the state declares no such service"),
        ("master.cf/submission/inet", "", "", "nothing to adopt; it is there, and its columns have no place in a host file"),
        ("master.cf/submission/inet/-o/smtpd_tls_auth_only", "auth_only=yes", "auth_only=no", "submission sets it without being asked; nothing can be declared there"),
        ("master.cf/submission/inet/-o/smtpd_sasl_type", "type=dovecot", "type=x", "x cannot be declared: submission.sasl.type: 'x' is no SASL server"),
    ],
)  # fmt: skip
def test_what_cannot_be_adopted_is_one_clear_refusal(where: str, old: str, new: str, says: str, adopted) -> None:
    with pytest.raises(CannotAdopt) as refused:
        adopted(where, old, new)
    assert str(refused.value) == f"{where}: {says}"


def test_a_row_that_is_no_policy_is_refused_without_repeating_it(adopted) -> None:
    with pytest.raises(CannotAdopt) as refused:
        adopted("table/tls_policy#bank.example", rows=b"bank.example CANARY\n")
    assert (
        str(refused.value) == "table/tls_policy#bank.example: what stands there is no TLS policy that can be declared"
    )


def test_a_patch_that_would_declare_something_else_too_is_refused(adopted) -> None:
    """`dane` brings smtp_dns_support_level, which is not set on this host."""
    with pytest.raises(CannotAdopt, match=r"would also declare main\.cf/smtp_dns_support_level = dnssec"):
        adopted("table/tls_policy#bank.example", rows=b"bank.example dane\n")
