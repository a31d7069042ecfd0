"""What looks like a fault and is none: a false alarm costs more than a rule that misses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.surroundings import NameKind

FILTERED = "content_filter = smtp-amavis:[127.0.0.1]:10024"
CASES = {
    "a listener that only this host reaches": lambda h: replace(
        h, master=h.master + "localhost:10026 inet n - y - - smtpd\n  -o smtpd_tls_auth_only=no\n  -o smtpd_sasl_auth_enable=yes\n"
    ),
    "mail that never leaves by SMTP": lambda h: h.put("smtp_tls_security_level =", "default_transport = error:no mail from here", "smtp_tls_policy_maps ="),
    "a host that only takes mail from itself": lambda h: h.put("smtpd_tls_security_level =", "inet_interfaces = loopback-only").edit("  -o smtpd_tls_security_level=encrypt\n", ""),
    "a client of its own for a filter on this host": lambda h: replace(
        h.put(FILTERED), master=h.master + "smtp-amavis unix - - y - 2 smtp\n  -o smtp_tls_security_level=none\n"
    ),
    "a policy of none for this host": lambda h: h.with_table("tls_policy", b"[127.0.0.1]:10025 none\n"),
    "the relay host, as relayhost has it": lambda h: h.with_table("tls_policy", b"[relay.example]:587 encrypt\n").put("relayhost = [RELAY.example]:587"),
    "a row for a domain that has a nexthop of its own, behind a relay host": lambda h: h.with_table("tls_policy", b"relay.example encrypt\n").put(
        "relayhost = [relay.example]:587", "sender_dependent_relayhost_maps = ldap:/etc/postfix/relays"
    ),
    "a row for a relayed domain": lambda h: h.with_table("tls_policy", b"relay.example encrypt\n").put("relayhost = [relay.example]:587", "relay_domains = relay.example"),
    "a row for a transport's nexthop": lambda h: h.put("transport_maps = hash:/etc/postfix/transport")
    .with_table("transport", b"bank.example smtp:[10.0.0.9]:26\n")
    .with_table("tls_policy", b"[10.0.0.9]:26 encrypt\n"),
    "a fingerprint that main.cf says": lambda h: h.with_table("tls_policy", b"bank.example fingerprint\n").put("smtp_tls_fingerprint_cert_match = " + ":".join(["AA"] * 32)),
    "an attribute that stands twice": lambda h: h.with_table("tls_policy", b"bank.example encrypt ciphers=medium ciphers=high\n"),
    "a table of patterns": lambda h: h.with_table("tls_policy", b"if /example/\n/@/ encrypt\nendif\n", "regexp").edit(
        "hash:/etc/postfix/tls_policy", "regexp:/etc/postfix/tls_policy"
    ),
    "tables through proxymap, and of types that are no files": lambda h: h.edit("hash:/etc/postfix/tls_policy", "proxy:hash:/etc/postfix/tls_policy").put(
        "smtp_sasl_password_maps = static:user:secret"
    ),
    "a key that the directory keeps from others": lambda h: h.with_chain(mode=0o644).with_name("/etc/ssl/private", 0o710, kind=NameKind.DIRECTORY),
    "a key that a group may read": lambda h: h.with_chain(mode=0o640),
    "the older pair, in any order": lambda h: h.with_pair("k1"),
    "key and certificate in one file of the older form": lambda h: h.edit("smtpd_tls_chain_files =", "smtpd_tls_cert_file =").with_chain(
        order=("certificate", "key"), problem="the private key must come first, then its certificate"
    ),
    "anonymous ciphers, as they are asked for": lambda h: h.put("smtpd_tls_chain_files =", "smtpd_tls_cert_file = none"),
    "a certificate of a side that speaks no TLS": lambda h: h.put("lmtp_tls_cert_file = /etc/ssl/none.pem"),
    "a group of root that may write": lambda h: h.with_name("/etc/postfix/main.cf", 0o664, gid=0),
    "a directory for everybody, sticky": lambda h: h.with_name("/etc", 0o1777, kind=NameKind.DIRECTORY),
    "a name of the admin's own": lambda h: h.put("tls_floor = >=TLSv1.3", "smtpd_tls_mandatory_protocols = $tls_floor"),
    "what master tells a service of itself": lambda h: h.put("smtpd_tls_session_cache_database = btree:/var/lib/postfix/${process_name}_scache"),
    "both syntaxes of protocols": lambda h: h.put("smtpd_tls_protocols = !SSLv2 !SSLv3 !TLSv1 !TLSv1.1", "smtp_tls_protocols = TLSv1.2:TLSv1.3"),
    "a low grade that means medium": lambda h: h.on("3.8.0").put("smtpd_tls_ciphers = low"),
    "a digest that nothing is compared with": lambda h: h.put("smtpd_tls_fingerprint_digest = md5"),
    "AUTH without passwords that could be read": lambda h: h.put(
        "smtpd_tls_auth_only = no", "smtpd_sasl_auth_enable = yes", "smtpd_sasl_security_options = noplaintext, noanonymous"
    ),
    "AUTH that is offered to nobody": lambda h: h.put(
        "smtpd_tls_auth_only = no", "smtpd_sasl_auth_enable = yes", "smtpd_sasl_exceptions_networks = static:all"
    ),
    "a certificate with a month to go": lambda h: h.with_leaf(ends=31),
    "a restriction that ends the list": lambda h: h.put("smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject"),
    "a cache of tlsmgr's own": lambda h: h.edit(
        "tlsmgr    unix  -       -       y       1000?   1       tlsmgr\n",
        "tlsmgr    unix  -       -       y       1000?   1       tlsmgr\n  -o smtpd_tls_session_cache_database=btree:/tmp/x\n",
    ),
    "DANE with DNSSEC": lambda h: h.put("smtp_tls_security_level = dane", "smtp_dns_support_level = dnssec"),
    "TLS from the start to a smarthost": lambda h: h.put("smtp_tls_wrappermode = yes", "smtp_tls_security_level = encrypt", "smtp_tls_policy_maps ="),
    "authorities in a directory": lambda h: h.put("smtp_tls_CAfile =", "smtp_tls_CApath = /etc/ssl/certs"),
}  # fmt: skip


@pytest.mark.parametrize("change", CASES.values(), ids=CASES)
def test_nothing_is_said_of(good, change) -> None:
    assert [(it.rule, str(it.address), it.evidence) for it in change(good).findings()] == []


def test_of_a_copy_only_what_lies_in_it_is_judged(good) -> None:
    """The files of this machine are not those of the host, and neither are modes and owners."""
    copy = replace(good, directory="/srv/copy").with_name("/srv/copy/main.cf", 0o666).without("senders", "senders.db")
    assert copy.rules() == {"not_looked_at"}
    weak = copy.with_table("tls_policy", b"bank.example encrpyt\n")
    assert weak.rules() == {"not_looked_at", "policy_invalid"}


def test_one_fault_is_said_once(good) -> None:
    """Three listeners with one line of main.cf are one finding."""
    assert [it.rule for it in good.put("smtpd_tls_loglevel = 0").findings()] == ["tls_not_logged"]


def test_what_postfix_cannot_read_is_not_given_a_meaning(good) -> None:
    broken = replace(good, main="smtp_tls_loglevel = 0\nsmtp_tls_security_level\n")
    assert broken.rules() == {"main_cf_line", "not_looked_at"}


@pytest.mark.parametrize("text", ["", "=\n", " \n", "\xef\xbb\xbf", "a = ${\n", "a\n b\n", "\0", "x = {\n"])
def test_no_file_is_too_odd_to_be_audited(good, text) -> None:
    for host in (replace(good, main=text), replace(good, master=text), good.with_table("tls_policy", text.encode())):
        assert host.findings() is not None


def test_passwords_are_not_shown(good) -> None:
    host = good.put("smtp_sasl_password_maps = static:user:hunter2", "smtpd_sasl_path = inline:{ a=hunter2 }")
    host = replace(host, main=host.main + "smtp_sasl_password_maps = inline:{ a=hunter2 }\n")
    assert [it.rule for it in host.findings()] == ["duplicate_parameter"]
    assert "hunter2" not in str(host.findings())
