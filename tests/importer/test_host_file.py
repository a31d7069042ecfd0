"""What of a host becomes a key, in which form, and what is left out, with which reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.desired import document
from reconciler.desired.tree import Source, plain
from reconciler.importer import host_file

CANARY = "CANARY-s3cr3t"
UNMANAGED = {"default": "unmanaged"}
LEVEL = "smtpd_tls_security_level = may"


def keys(host) -> dict[str, object]:
    """The host file as plain values; `enforce: all` is in every one of them."""
    read = plain(document.parse(host.text().encode(), Source("x.yaml", "host")))
    assert isinstance(read, dict)
    assert read.pop("enforce") == "all"
    return read


def left(host) -> dict[str, str]:
    return {str(it.address): it.reason for it in host.imported().left}


def unchanged(host) -> bool:
    made = host.plan(host.imported().files)
    return (made.changes, made.guards) == ((), ())


@pytest.mark.parametrize(
    ("line", "section", "key", "value"),
    [
        ("smtpd_tls_loglevel=1", "incoming", "loglevel", "1"),
        ("smtpd_tls_received_header = YES", "incoming", "received_header", "yes"),
        ("smtpd_tls_mandatory_ciphers = High", "incoming", "mandatory_ciphers", "high"),
        ("smtpd_tls_session_cache_timeout = 1h", "incoming", "session_cache_timeout", "1h"),
        ("smtpd_tls_protocols = !SSLv2,\n   !SSLv3", "incoming", "protocols", "!SSLv2, !SSLv3"),
        ("smtp_tls_security_level = dane\nsmtp_dns_support_level = dnssec", "outgoing", "security_level", "dane"),
        ("smtp_tls_security_level = dane", "parameters", "smtp_tls_security_level", "dane"),
        ("smtp_tls_CAfile = $config_directory/ca.pem", "outgoing", "ca_file", "ca.pem"),
        ("smtp_tls_CAfile = /etc/postfix/ca.pem", "outgoing", "ca_file", "/etc/postfix/ca.pem"),
        ("smtp_tls_CAfile =", "parameters", "smtp_tls_CAfile", ""),
        ("smtp_tls_loglevel = $smtpd_tls_loglevel", "parameters", "smtp_tls_loglevel", "$smtpd_tls_loglevel"),
        ("smtp_tls_chain_files = /etc/a.pem, /etc/b.pem", "outgoing", "chain_files", ("/etc/a.pem", "/etc/b.pem")),
        ("smtpd_use_tls = yes", "parameters", "smtpd_use_tls", "yes"),
        ("smtp_sasl_password_maps = hash:/etc/sasl", "parameters", "smtp_sasl_password_maps", "hash:/etc/sasl"),
    ],
)
def test_a_parameter_stands_where_a_person_would_write_it(line, section, key, value, host) -> None:
    there = host(line)
    written = keys(there)[section]
    assert isinstance(written, dict)
    assert written[key] == value
    assert unchanged(there)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("smtpd_tls_loglevel = 1 # enough", "Postfix takes the comment behind the value for a part of it; put it on a line of its own"),
        ("smtpd_tls_received_header = maybe", "'maybe' is neither yes nor no, the only words Postfix takes"),
        ("smtpd_tls_CAfile = ca.pem", "'ca.pem' is relative, and daemons run in the queue"),
        ("smtpd_tls_wrappermode = yes", "wrappermode on port 25"),
        ("smtp_tls_enable_rpk = yes", "Postfix 3.7.11 does not have it; it came with 3.9"),
        ("smtpd_tls_of_mine = yes", "no Postfix has a parameter of this name"),
        ("tls_random_source = dev:/dev/urandom", "not for a state repository to set: it names a device or a socket to read from"),
        ("smtp_sasl_password_maps = static:me:pass", "it may hold passwords; only the name of a table in a file is taken over"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_left_out_with_the_reason(line: str, reason: str, host) -> None:
    there = host(line)
    assert left(there) == {f"main.cf/{line.partition(' ')[0]}": reason}
    assert keys(there) == {}
    assert reason in there.text()
    assert unchanged(there)


def test_of_a_name_that_stands_twice_the_last_counts(host) -> None:
    assert keys(host("smtpd_tls_loglevel = 1", "smtpd_tls_loglevel = 2")) == {"incoming": {"loglevel": "2"}}


def test_a_parameter_outside_of_tls_is_counted_and_not_named(host) -> None:
    imported = host("relayhost = [smart.example]", "mynetworks = 10.0.0.0/8").imported()
    assert (imported.left, imported.parameters) == ((), 4)
    assert "relayhost" not in imported.files["hosts/mx1.example.org.yaml"]


def test_a_host_without_tls_has_a_host_file_too(raw_host, state) -> None:
    assert state(raw_host().imported().files).parameters == ()


def test_nothing_is_enforced_unless_it_was_asked_for(host) -> None:
    made = host_file.write(host(LEVEL).config(), "mx1.example.org")
    assert "\nenforce: []  #" in made.files["hosts/mx1.example.org.yaml"]


# --- certificates -------------------------------------------------------------------------------------------------


def test_a_pair_that_is_there_is_declared(host) -> None:
    there = host(
        LEVEL, "smtpd_tls_cert_file=/etc/ssl/a.pem", "smtpd_tls_key_file=/etc/ssl/a.key",
        pems=("/etc/ssl/a.pem", "/etc/ssl/a.key"),
    )  # fmt: skip
    pair = {"cert_file": "/etc/ssl/a.pem", "key_file": "/etc/ssl/a.key"}
    assert keys(there) == {"certificates": {"default": pair}, "incoming": {"security_level": "may"}}
    assert unchanged(there)


def test_a_key_in_the_file_of_its_certificate_is_written_out(host) -> None:
    there = host("smtpd_tls_cert_file=/etc/ssl/a.pem", pems=("/etc/ssl/a.pem",))
    assert keys(there) == {"certificates": {"default": {"cert_file": "/etc/ssl/a.pem", "key_file": "/etc/ssl/a.pem"}}}
    assert unchanged(there)


def test_chain_files_win_over_the_pair_as_they_do_in_postfix(host) -> None:
    there = host(
        "smtpd_tls_chain_files = /etc/a.pem, /etc/b.pem", "smtpd_tls_cert_file = /etc/old.pem",
        pems=("/etc/a.pem", "/etc/b.pem"),
    )  # fmt: skip
    assert keys(there) == {"certificates": {"default": {"chain_files": ("/etc/a.pem", "/etc/b.pem")}}}
    assert left(there) == {"main.cf/smtpd_tls_cert_file": "Postfix ignores it beside smtpd_tls_chain_files"}
    assert unchanged(there)


def test_a_certificate_that_is_not_there_is_somebody_elses(host) -> None:
    there = host(
        LEVEL, "smtpd_tls_cert_file=/etc/ssl/a.pem", "smtpd_tls_key_file=/etc/ssl/a.key", pems=("/etc/ssl/a.pem",)
    )
    assert keys(there)["certificates"] == UNMANAGED
    assert left(there)["main.cf/smtpd_tls_key_file"] == "/etc/ssl/a.key is not there"
    assert unchanged(there)


def test_a_second_pair_is_said(host) -> None:
    there = host("smtpd_tls_cert_file=/a.pem", "smtpd_tls_eccert_file=/ec.pem", pems=("/a.pem", "/ec.pem"))
    assert left(there) == {
        "main.cf/smtpd_tls_eccert_file": "a second certificate; name all of them in smtpd_tls_chain_files to declare it"
    }


# --- policies -----------------------------------------------------------------------------------------------------

POLICY = "smtp_tls_policy_maps = hash:/etc/postfix/tls_policy"


def outgoing(there) -> object:
    return keys(there).get("outgoing")


def test_rows_of_policies_stand_in_the_host_file(host) -> None:
    source = b"Bank.example  secure   match=nexthop\n[relay.example]:587 encrypt\n"
    there = host(POLICY, tables={"tls_policy": source})
    assert outgoing(there) == {"policies": {"bank.example": "secure match=nexthop", "[relay.example]:587": "encrypt"}}
    assert unchanged(there)


def test_a_table_of_another_name_is_named(host) -> None:
    there = host("smtp_tls_policy_maps = btree:$config_directory/tls/out", tables={"tls/out": b"a.example encrypt\n"})
    assert outgoing(there) == {"policy_table": "tls/out", "policies": {"a.example": "encrypt"}}
    assert unchanged(there)


def test_many_rows_go_to_a_file_of_their_own(host) -> None:
    source = b"".join(b"host%d.example encrypt\n" % number for number in range(21))
    there = host(POLICY, tables={"tls_policy": source})
    files = there.imported().files
    assert list(files) == ["hosts/mx1.example.org.yaml", "policies/mx1.example.org.map"]
    assert outgoing(there) == {"policy_files": ("policies/mx1.example.org.map",)}
    assert files["policies/mx1.example.org.map"].count("\n") == 22
    assert unchanged(there)
    assert len(there.imported(own_map=False).files) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"*.a.example encrypt", "its key is no nexthop"),
        (b"a.example always", "its right-hand side is no TLS policy"),
        (b"a.example me:" + CANARY.encode(), "its right-hand side is no TLS policy"),
        (b"a.example dane", "declaring it would set main.cf/smtp_dns_support_level = dnssec, without which dane does nothing"),
    ],
)  # fmt: skip
def test_a_row_that_no_state_can_say_stays(row: bytes, reason: str, host) -> None:
    there = host(POLICY, tables={"tls_policy": b"ok.example encrypt\n" + row + b"\n"})
    assert outgoing(there) == {"policies": {"ok.example": "encrypt"}}
    assert left(there) == {f"table/tls_policy#{row.split()[0].decode()}": reason}
    assert unchanged(there)


@pytest.mark.parametrize(
    ("maps", "address", "reason"),
    [
        ("mysql:/etc/postfix/my.cf", "main.cf/smtp_tls_policy_maps[mysql:/etc/postfix/my.cf]", "a table of type mysql is not one this program writes"),
        ("static:" + CANARY, "main.cf/smtp_tls_policy_maps[static:…]", "a table of type static is not one this program writes"),
        ("hash:/srv/tls_policy", "table//srv/tls_policy", "it lies outside the configuration directory, where this program writes no tables"),
        ("hash:tls_policy", "table/tls_policy", "its path is not written out; daemons run in the queue, and a list finds it only by its full path"),
        ("hash:/etc/postfix/none", "table/none", "its source cannot be read"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_ours_stays(maps: str, address: str, reason: str, host) -> None:
    there = host(f"smtp_tls_policy_maps = {maps}", tables={"tls_policy": b"a.example encrypt\n"})
    assert left(there) == {address: reason}
    assert outgoing(there) is None
    assert unchanged(there)


def test_of_two_tables_the_first_that_can_be_declared_is(host) -> None:
    tables = {"one": b"a.example encrypt\n", "two": b"b.example encrypt\n"}
    there = host("smtp_tls_policy_maps = ldap:/x, hash:/etc/postfix/one, hash:/etc/postfix/two", tables=tables)
    assert outgoing(there) == {"policy_table": "one", "policies": {"a.example": "encrypt"}}
    assert left(there)["table/two"] == "one table of policies can be declared, and one is it"
    assert unchanged(there)


def test_a_stale_table_is_left_for_postmap(host) -> None:
    there = host(POLICY, tables={"tls_policy": b"a.example encrypt\n"}, stale=frozenset({"tls_policy"}))
    assert left(there) == {
        "table/tls_policy": "it is hash (stale: 1 rows differ from the source); run postmap, and import again"
    }
    assert unchanged(there)


# --- access -------------------------------------------------------------------------------------------------------


def test_who_must_use_tls_is_declared_where_it_is_exactly_that(host) -> None:
    senders = b"a.example reject_plaintext_session\n.a.example reject_plaintext_session\n"
    senders += b"me@b.example REJECT_PLAINTEXT_SESSION\nc.example reject_plaintext_session\nd.example OK\n"
    there = host(
        "smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/tls_senders, permit_mynetworks",
        "smtpd_client_restrictions = check_client_access cidr:/etc/postfix/nets check_client_access hash:/etc/postfix/names",
        tables={
            "tls_senders": senders,
            "nets": b"192.0.2.0/24 reject_plaintext_session\n2001:DB8::/32 reject_plaintext_session\n10.0.0.1 OK\n",
            "names": b"x.example reject_plaintext_session\n.x.example reject_plaintext_session\n",
        },
    )  # fmt: skip
    policies = {
        "senders": ("a.example", "me@b.example"),
        "clients": ("192.0.2.0/24", "x.example"),
        "client_table": "nets",
        "client_name_table": "names",
    }
    assert keys(there) == {"incoming": {"policies": policies}}
    assert left(there) == {
        "table/tls_senders#c.example": "the row .c.example is not there, and a host file means a domain with its subdomains",
        "table/nets#2001:DB8::/32": "its key is none that a host file can say",
    }  # fmt: skip
    assert unchanged(there)


def test_an_access_table_about_other_things_is_not_named(host) -> None:
    there = host(
        "smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/access",
        tables={"access": b"spam.example REJECT\n"},
    )
    assert (keys(there), left(there)) == ({}, {})


def test_a_table_behind_a_permit_is_said_and_not_moved(host) -> None:
    there = host(
        "smtpd_sender_restrictions = permit_mynetworks, check_sender_access hash:/etc/postfix/tls_senders",
        tables={"tls_senders": b"a@a.example reject_plaintext_session\n"},
    )
    assert left(there) == {"table/tls_senders": "declaring it would move it to the front, before permit_mynetworks"}
    assert unchanged(there)


# --- services -----------------------------------------------------------------------------------------------------

SUBMISSION = b"""\
127.0.0.1:587 inet n - y - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes -o smtpd_sasl_type=dovecot -o smtpd_sasl_path=private/auth
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_tls_mandatory_protocols=>=TLSv1.2 -o smtpd_tls_loglevel=2 -o smtpd_milters=inet:127.0.0.1:1
"""


def with_service(there, lines: bytes):
    return replace(there, master=there.master + lines)


def test_a_service_that_is_what_we_would_make_is_declared(host) -> None:
    there = with_service(host(), SUBMISSION)
    assert keys(there) == {
        "certificates": UNMANAGED,
        "submission": {
            "listen": "127.0.0.1:587",
            "sasl": {"type": "dovecot", "path": "private/auth"},
            "protocols": ">=TLSv1.2",
            "parameters": {"smtpd_tls_loglevel": "2"},
        },
    }
    assert unchanged(there)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (b"-o smtpd_tls_auth_only=no", "declaring 'submission:' would change it, setting smtpd_tls_auth_only=yes"),
        (b"-o smtpd_tls_wrappermode=yes", "it also sets smtpd_tls_wrappermode, which 'submission:' cannot say"),
        (b"-o smtpd_sasl_type=other", "it is not what a host file can declare (submission.sasl.type: 'other' is no SASL server)"),
    ],
)  # fmt: skip
def test_a_service_that_declaring_would_change_is_left(option: bytes, reason: str, host) -> None:
    there = with_service(host(), SUBMISSION + b"  " + option + b"\n")
    assert left(there) == {"master.cf/127.0.0.1:submission/inet": reason}
    assert "submission" not in keys(there)
    assert unchanged(there)


def test_options_about_tls_of_other_services_are_said(host) -> None:
    there = with_service(host(), b"slow unix - - n - - smtp -o smtp_tls_security_level=none -o smtp_helo_timeout=5\n")
    assert left(there) == {
        "master.cf/slow/unix/-o/smtp_tls_security_level":
            "an option of a service that a host file does not declare; it stays as it is"
    }  # fmt: skip


# --- what must hold whatever stands there -------------------------------------------------------------------------


def test_the_same_host_gives_the_same_bytes(host) -> None:
    there = host(LEVEL, POLICY, tables={"tls_policy": b"b.example encrypt\na.example may\n"})
    assert there.imported() == there.imported()


def test_a_secret_is_never_written(host) -> None:
    secret = CANARY.encode()
    there = host(
        f"# {CANARY}",
        f"smtp_sasl_password_maps = static:user:{CANARY}",
        f"lmtp_sasl_password_maps = inline:{{x=user:{CANARY}}}, user {CANARY}",
        f"smtpd_tls_loglevel = 1 # {CANARY}",
        f"relayhost = {CANARY}",
        f"my_secret = {CANARY}",
        f"smtp_tls_policy_maps = hash:/etc/postfix/tls_policy inline:{{a={CANARY}}} proxy:static:{CANARY}",
        f"smtpd_sender_restrictions = check_sender_access static:{CANARY} check_sender_access hash:/etc/postfix/s",
        tables={
            "tls_policy": b"# " + secret + b"\na.example u:" + secret + b"\nb.example encrypt " + secret + b"\n[c]:1 may\n",
            "s": b"a.example " + secret + b"\nx@b.example reject_plaintext_session\n",
        },
    )  # fmt: skip
    there = with_service(there, b"x unix - - n - - smtp -o smtp_sasl_password_maps=static:u:" + secret + b"\n")
    imported = there.imported()
    assert CANARY not in repr(imported)
    assert unchanged(there)
