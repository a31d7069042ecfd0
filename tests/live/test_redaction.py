"""A secret in every place where one can stand: not one leaves the host, and no value outside of the TLS scope does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import live
from reconciler.live.publishing import Owner, published
from reconciler.model import codec
from reconciler.model.address import (
    Address,
    OptionAddress,
    ParameterAddress,
    RowAddress,
    ServiceAddress,
    TableAddress,
)
from reconciler.model.applied import Applied, LastApplied
from reconciler.model.snapshot import CompiledTable, FileState, HostSnapshot
from reconciler.postfix import main_cf

DIRECTORY = "/etc/postfix"
DEFAULTS = (Path(__file__).parents[1] / "golden/postconf-d.txt").read_bytes()
SECRET = "Hunter2Canary"

MAIN = f"""\
# the password is {SECRET}
myhostname = mx1.example.org
mynetworks = 10.{len(SECRET)}.0.0/16 {SECRET}
relayhost = [{SECRET}.example]:587
smtp_sasl_password_maps = static:user:{SECRET}
smtp_sasl_auth_enable = yes
	# {SECRET}
smtpd_sasl_exceptions_networks = $mynetworks
lmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd,
  inline:{{relay.example=user:{SECRET}}}
smtp_tls_policy_maps = hash:$config_directory/tls_policy
smtp_tls_CAfile = https://user:{SECRET}@ca.example/
smtpd_tls_cert_file = $own_tls_directory/mx.pem
own_tls_directory = /etc/ssl/own
ldap_bind_pw = {SECRET}
virtual_alias_maps = inline:{{ {SECRET}=x }}
my_rbl = reject_rbl_client {SECRET}.dq.example
smtpd_sender_restrictions = permit_mynetworks, check_sender_access hash:/etc/postfix/tls_senders,
  # {SECRET}
  check_sender_access static:{SECRET}, reject_rbl_client {SECRET}.zen.example, ${{my_rbl}}
smtpd_client_restrictions = check_client_access hash:/etc/postfix/{SECRET}
"""
MASTER = f"""\
# {SECRET}
smtp inet n - y - - smtpd -o smtpd_milters=inet:{SECRET}:1 -v
submission inet n - y - - smtpd
  -o smtp_sasl_password_maps=static:x:{SECRET}
  # -o syslog_name={SECRET}
  -o {{ smtpd_recipient_restrictions = check_recipient_access hash:/etc/{SECRET}, reject }}
  -o content_filter={SECRET}
465 inet n n n - - spawn user=nobody argv=/bin/x {SECRET} -p{SECRET}
  -o {SECRET}={SECRET}
filter unix - n n - - pipe flags=Rq user={SECRET} argv=/usr/bin/filter --password {SECRET} -o smtp_tls_loglevel={SECRET}
  -v
  {SECRET}
"""
TABLES = {
    "tls_policy": f"# {SECRET}\nbank.example secure\nrelay.example user:{SECRET}\nx.example encrypt\n  # {SECRET}\n",
    "tls_senders": f"bank.example reject_plaintext_session\n{SECRET}@x.example REJECT {SECRET}\nyonder.example OK {SECRET}\n",
    SECRET: f"10.0.0.1 REJECT {SECRET}\n",
}


def config(main: str = MAIN, *, absent: frozenset[str] = frozenset()) -> live.LiveConfig:
    documents = {"main.cf": main, "master.cf": MASTER, **TABLES}
    kinds = {f"{DIRECTORY}/{name}": "hash" for name in TABLES}
    snapshot = HostSnapshot(
        config_directory=DIRECTORY,
        files={
            f"{DIRECTORY}/{name}": FileState(text.encode(), 0o600, 0, 0, 0, SECRET) for name, text in documents.items()
        },
        now=datetime(2026, 11, 23, 12, tzinfo=UTC),
        mail_version="3.7.11",
        defaults=DEFAULTS + f"mynetworks = {SECRET}\n".encode(),
        table_types=frozenset({"hash"}),
        sasl_server_types=frozenset({"cyrus"}),
        master_pid=1,
        kinds=kinds,
        absent=absent,
        compiled={path: CompiledTable({SECRET.encode(): SECRET.encode()}) for path in kinds},
    )
    return live.read(snapshot)


def record() -> LastApplied:
    submission = ServiceAddress("submission")
    entries: dict[Address, Applied] = {
        ParameterAddress("smtp_sasl_password_maps"): Applied(f"static:{SECRET}", f"inline:{{x={SECRET}}}"),
        OptionAddress(submission, "content_filter"): Applied(None, SECRET),
        OptionAddress(submission, "smtpd_helo_restrictions"): Applied("", f"check_helo_access static:{SECRET}"),
        submission: Applied("n - y - - smtpd", f"n - y - - smtpd -o{SECRET} {SECRET}"),
        TableAddress("tls_policy"): Applied("hash", None),
        RowAddress("tls_policy", "relay.example"): Applied(f"user:{SECRET}", None),
    }
    return LastApplied(DIRECTORY, "1" * 40, entries)


def leaving(made: live.LiveConfig | None = None) -> str:
    seen = published(made or config(), record(), Owner("mx1.example.org", "", b"s" * 32))
    return json.dumps(codec.encode(seen), ensure_ascii=False)


def test_no_secret_leaves_the_host_from_any_place():
    text = leaving()
    # An option's own name is one that the record and the plan are about; every value is a mark.
    assert text.replace(f"-o {SECRET}=", "").count(SECRET) == 0


@pytest.mark.parametrize(
    "lines",
    [
        "smtp_sasl_password_maps = $logins\nlogins = static:user:{}\n",
        "smtp_sasl_password_maps = hash:/etc/x, $a\na = $b\nb = {}\nsmtp_tls_policy_maps = $a, $b\n",
        "smtp_sasl_password_maps = regexp:{{ {{/./ user:{}}} }}\n",
        "smtp_sasl_password_maps = cidr:{{{{0.0.0.0/0 user:{}}}}}\n",
        "smtp_sasl_password_maps = randmap:{{user:{}}}\n",
        "smtp_sasl_password_maps = unionmap:{{hash:/etc/x, static:user:{}}}\n",
        "lmtp_sasl_password_maps = mysql:{{ {{ password = {} }} }}\n",
        "smtp_sasl_own_password = {}\nsmtp_tls_secret_of_ours = {}\n",
    ],
)
def test_guarantee_25_a_login_leaves_the_host_in_no_spelling_that_postfix_knows(lines: str):
    text = leaving(config(f"myhostname = mx1.example.org\n{lines.format(SECRET, SECRET)}"))
    assert text.replace(f"-o {SECRET}=", "").count(SECRET) == 0


def test_where_logins_lie_is_in_clear_through_a_parameter_too():
    main = "smtp_sasl_password_maps = $logins\nlogins = hash:/etc/logins, proxy:btree:$config_directory/more\n"
    assert "logins = hash:/etc/logins, proxy:btree:$config_directory/more" in leaving(config(main))


def test_a_table_of_others_is_not_named_where_it_is_absent_either():
    names = (SECRET, "tls_policy", "tls_clients")
    text = leaving(config(absent=frozenset(f"{DIRECTORY}/{name}" for name in names)))
    assert text.replace(f"-o {SECRET}=", "").count(SECRET) == 0
    assert f"{DIRECTORY}/tls_clients" in text


@pytest.mark.parametrize(
    "foreign", ["10.13.0.0", "/usr/bin/filter", "argv", "REJECT", "yonder.example", "dq.example", "sasl_passwd_x"]
)
def test_nothing_outside_of_the_scope_leaves_it(foreign: str):
    assert foreign not in leaving()


@pytest.mark.parametrize(
    "ours",
    [
        "smtp_sasl_auth_enable = yes",
        "permit_mynetworks",
        "hash:/etc/postfix/tls_senders",
        "own_tls_directory = /etc/ssl/own",
        "bank.example secure",
        "bank.example reject_plaintext_session",
        "-o content_filter=kept-on-the-host.",
        "mynetworks = kept-on-the-host.",
    ],
)
def test_what_a_plan_needs_is_in_clear(ours: str):
    assert ours in leaving()


def test_every_line_keeps_its_number():
    seen = published(config(), record(), Owner("mx1.example.org", "", b"s" * 32))
    for text, whole in ((seen.main_cf, MAIN), (seen.master_cf, MASTER), (seen.tables[0].source, TABLES["tls_policy"])):
        assert text.count("\n") == whole.count("\n")
    again = main_cf.parse(seen.main_cf.encode())
    assert [(it.name, it.line) for it in again.entries] == [(it.name, it.line) for it in config().main.entries]


def test_equal_values_have_equal_marks_and_another_host_has_others():
    one = published(config(), record(), Owner("a.example", "", b"s" * 32))
    same = published(config(), record(), Owner("b.example", "", b"s" * 32))
    other = published(config(), record(), Owner("a.example", "", b"t" * 32))
    assert one.main_cf == same.main_cf
    assert one.main_cf != other.main_cf


def test_a_table_of_others_is_said_to_be_there_and_nothing_more():
    seen = published(config(), LastApplied(DIRECTORY), Owner("mx1.example.org", "", b"s" * 32))
    senders = next(it for it in seen.tables if it.path.endswith("tls_senders"))
    assert senders.source == "bank.example reject_plaintext_session\n#\n#\n"
    assert senders.left_out == 2
    assert not any(it.path.endswith(SECRET) for it in seen.tables)
