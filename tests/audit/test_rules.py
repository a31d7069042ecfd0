"""Every rule fires on a host with that one thing wrong, and is silent on the host where nothing is."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler import audit, desired
from reconciler.audit import remedy
from reconciler.model import address
from reconciler.model.finding import Severity
from reconciler.model.snapshot import RepoSnapshot
from reconciler.model.surroundings import NameKind

ROOT = Path(__file__).parents[2]
SUBMISSION = "-o smtpd_tls_security_level=encrypt"
LEVEL = "smtp_tls_security_level = may"
SNI = "tls_server_sni_maps = hash:/etc/postfix/sni"
SNI_ROW = b"shop.example /etc/ssl/private/chain.pem\n"


def relayed(host, row: bytes, *parameters: str):
    return host.with_table("tls_policy", row).put("relayhost = [relay.example]:587", *parameters)


def sni(host, value: bytes):
    return host.put(SNI).with_table("sni", SNI_ROW).with_compiled("sni", {b"shop.example": value})


CASES = {
    # broken
    "bad_value": [
        (lambda h: h.put("smtpd_tls_auth_only = ja"), "main.cf/smtpd_tls_auth_only"),
        (lambda h: h.edit(SUBMISSION, "-o smtpd_tls_security_level=encrpyt"), "master.cf/submission/inet/-o/smtpd_tls_security_level"),
        (lambda h: h.put("smtpd_tls_security_level = may  # for all"), "main.cf/smtpd_tls_security_level"),
        (lambda h: h.put("smtp_tls_ciphers = strong"), "main.cf/smtp_tls_ciphers"),
        (lambda h: h.put("smtp_tls_protocols = >= TLSv1.2"), "main.cf/smtp_tls_protocols"),
        (lambda h: h.put("smtp_tls_session_cache_timeout = 1 hour"), "main.cf/smtp_tls_session_cache_timeout"),
        (lambda h: h.put("smtpd_tls_fingerprint_digest = rot13"), "main.cf/smtpd_tls_fingerprint_digest"),
    ],
    "byte_order_mark": [
        (lambda h: replace(h, main=b"\xef\xbb\xbf" + h.main.encode()), "file/main.cf"),
        (lambda h: replace(h, master=b"\xef\xbb\xbf#\n" + h.master.encode()), "file/master.cf"),
        (lambda h: h.with_table("tls_policy", b"\xef\xbb\xbfbank.example encrypt\n"), "table/tls_policy"),
    ],
    "ca_file_missing": [(lambda h: h.without("/etc/ssl/certs/ca-certificates.crt"), "file//etc/ssl/certs/ca-certificates.crt")],
    "certificate_expired": [(lambda h: h.with_leaf(ends=-1), "file//etc/ssl/private/chain.pem")],
    "certificate_missing": [(lambda h: h.without("/etc/ssl/private/chain.pem"), "file//etc/ssl/private/chain.pem")],
    "certificate_not_yet_valid": [(lambda h: h.with_leaf(begins=1), "file//etc/ssl/private/chain.pem")],
    "certificate_unusable": [
        (lambda h: h.with_chain(certificates=(), key_public_sha256=None, order=(), problem="empty"), "file//etc/ssl/private/chain.pem"),
        (lambda h: h.with_chain(certificates=(), order=("key",)), "file//etc/ssl/private/chain.pem"),
    ],
    "client_wrappermode_without_tls": [
        (lambda h: h.put("smtp_tls_wrappermode = yes", "smtp_tls_policy_maps ="), "main.cf/smtp_tls_wrappermode"),
    ],
    "dane_without_dnssec": [
        (lambda h: h.put("smtp_tls_security_level = dane"), "main.cf/smtp_tls_security_level"),
        (lambda h: h.with_table("tls_policy", b"bank.example dane-only\n"), "table/tls_policy#bank.example"),
    ],
    "expansion_failed": [(lambda h: h.put("smtpd_tls_chain_files = ${chain"), "main.cf/smtpd_tls_chain_files")],
    "key_mismatch": [
        (lambda h: h.with_chain(problem="the private key does not belong to the certificate behind it"), "file//etc/ssl/private/chain.pem"),
        (lambda h: h.with_pair("k2"), "main.cf/smtpd_tls_key_file"),
    ],
    "key_not_first": [
        (lambda h: h.with_chain(order=("certificate", "key"), problem="the private key must come first"), "file//etc/ssl/private/chain.pem"),
    ],
    "main_cf_empty": [(lambda h: replace(h, main="# nothing\n"), "file/main.cf")],
    "main_cf_line": [(lambda h: replace(h, main=h.main + "smtp_tls_loglevel 1\n"), "file/main.cf")],
    "main_cf_missing": [(lambda h: replace(h, main=None), "file/main.cf")],
    "master_cf_empty": [(lambda h: replace(h, master=""), "file/master.cf")],
    "master_cf_line": [
        (lambda h: replace(h, master=h.master + "mail inet n - y\n"), "file/master.cf"),
        (lambda h: h.edit("relay     unix", "relay     tcp "), "file/master.cf"),
        (lambda h: h.edit("smtp      inet  n ", "smtp      inet  - "), "file/master.cf"),
        (lambda h: h.edit("relay     unix  -       -       y ", "relay     unix  -       -       yes "), "file/master.cf"),
        (lambda h: h.edit("1000?   1       tlsmgr", "1000?   one     tlsmgr"), "file/master.cf"),
    ],
    "master_cf_missing": [(lambda h: replace(h, master=None), "file/master.cf")],
    "no_certificate": [(lambda h: h.put("smtpd_tls_chain_files ="), "main.cf/smtpd_tls_chain_files")],
    "policy_invalid": [
        (lambda h: h.with_table("tls_policy", b"bank.example encrpyt\n"), "table/tls_policy#bank.example"),
        (lambda h: h.with_table("tls_policy", b"bank.example encrypt protocol=TLSv1.2\n"), "table/tls_policy#bank.example"),
        (lambda h: h.with_table("tls_policy", b"bank.example fingerprint\n"), "table/tls_policy#bank.example"),
        (lambda h: h.with_table("tls_policy", b"bank.example encrypt enable_rpk=yes\n"), "table/tls_policy#bank.example"),
    ],
    "sni_map_without_files": [(lambda h: sni(h, b"/etc/ssl/private/chain.pem"), "table/sni#shop.example")],
    "submissions_without_wrappermode": [(lambda h: h.edit("-o smtpd_tls_wrappermode=yes", "-o smtpd_tls_auth_only=yes"), "master.cf/submissions/inet")],
    "table_missing": [
        (lambda h: h.without("tls_policy", "tls_policy.db"), "table/tls_policy"),
        (lambda h: h.edit("hash:/etc/postfix/senders", "cidr:/etc/postfix/none"), "table/none"),
    ],
    "table_not_compiled": [
        (lambda h: replace(h, missing=frozenset({"/etc/postfix/tls_policy.db"})), "table/tls_policy"),
        (lambda h: replace(h, missing=frozenset({"/etc/postfix/sasl_passwd.db"})), "table/sasl_passwd"),
    ],
    "table_reference_invalid": [
        (lambda h: h.put("smtp_tls_policy_maps = /etc/postfix/tls_policy"), "main.cf/smtp_tls_policy_maps"),
        (lambda h: h.put("smtp_tls_policy_maps = hsah:/etc/postfix/tls_policy"), "main.cf/smtp_tls_policy_maps"),
    ],
    "table_unreadable": [(lambda h: h.with_compiled("tls_policy", None, "unexpected file type or format"), "table/tls_policy")],
    "verify_without_ca": [
        (lambda h: h.put("smtp_tls_CAfile ="), "table/tls_policy#bank.example"),
        (lambda h: h.put("smtp_tls_CAfile =", "smtp_tls_policy_maps =", "smtp_tls_security_level = verify"), "main.cf/smtp_tls_security_level"),
    ],
    "wrappermode_port": [(lambda h: h.put("smtpd_tls_wrappermode = yes"), "main.cf/smtpd_tls_wrappermode")],
    # weak
    "anonymous_sasl": [(lambda h: h.put("smtpd_sasl_security_options = noplaintext"), "main.cf/smtpd_sasl_security_options")],
    "auth_in_plaintext": [
        (lambda h: h.put("smtpd_tls_auth_only = no", "smtpd_sasl_auth_enable = yes"), "main.cf/smtpd_tls_auth_only"),
        (lambda h: h.edit(SUBMISSION, "-o smtpd_tls_auth_only=no"), "master.cf/submission/inet/-o/smtpd_tls_auth_only"),
    ],
    "compiled_exposed": [(lambda h: h.with_name("/etc/postfix/sasl_passwd.db", 0o644), "table/sasl_passwd")],
    "directory_writable": [(lambda h: h.with_name("/etc/ssl", 0o777, kind=NameKind.DIRECTORY), "file//etc/ssl")],
    "file_writable": [
        (lambda h: h.with_name("/etc/postfix/main.cf", 0o666), "file/main.cf"),
        (lambda h: h.with_name("/etc/postfix/tls_policy", 0o664, gid=1000), "file/tls_policy"),
    ],
    "key_exposed": [(lambda h: h.with_chain(mode=0o644), "file//etc/ssl/private/chain.pem")],
    "old_protocols": [
        (lambda h: h.put("smtpd_tls_protocols = !SSLv2, !SSLv3"), "main.cf/smtpd_tls_protocols"),
        (lambda h: h.edit("smtpd_tls_mandatory_protocols = >=TLSv1.2\n", ""), "main.cf/smtpd_tls_mandatory_protocols"),
        (lambda h: h.put("smtp_tls_mandatory_protocols ="), "main.cf/smtp_tls_mandatory_protocols"),
    ],
    "option_weakens_main": [
        (lambda h: h.put("smtpd_tls_security_level = encrypt").edit(SUBMISSION, "-o smtpd_tls_security_level=may"), "master.cf/submission/inet/-o/smtpd_tls_security_level"),
        (lambda h: replace(h, master=h.master + "  -o smtp_tls_security_level=none\n"), "master.cf/relay/unix/-o/smtp_tls_security_level"),
    ],
    "passwords_exposed": [(lambda h: h.with_name("/etc/postfix/sasl_passwd", 0o644), "table/sasl_passwd")],
    "policy_turns_tls_off": [(lambda h: h.with_table("tls_policy", b"bank.example none\n"), "table/tls_policy#bank.example")],
    "tls_off_incoming": [(lambda h: h.put("smtpd_tls_security_level ="), "main.cf/smtpd_tls_security_level")],
    "tls_off_outgoing": [(lambda h: h.put("smtp_tls_security_level ="), "main.cf/smtp_tls_security_level")],
    "weak_cipher_grade": [
        (lambda h: h.put("smtpd_tls_ciphers = export"), "main.cf/smtpd_tls_ciphers"),
        (lambda h: h.put("smtp_tls_mandatory_ciphers = low"), "main.cf/smtp_tls_mandatory_ciphers"),
    ],
    "weak_cipherlist": [(lambda h: h.put("tls_medium_cipherlist = HIGH:RC4-SHA"), "main.cf/tls_medium_cipherlist")],
    "weak_fingerprint_digest": [
        (lambda h: h.put("smtp_tls_security_level = fingerprint", "smtp_tls_fingerprint_digest = sha1"), "main.cf/smtp_tls_fingerprint_digest"),
        (lambda h: h.put("smtpd_tls_ask_ccert = yes", "smtpd_tls_fingerprint_digest = md5", "smtpd_relay_restrictions = permit_tls_clientcerts, reject"), "main.cf/smtpd_tls_fingerprint_digest"),
    ],
    # stale, expiring
    "sni_map_stale": [(lambda h: sni(h, b"sha256:" + b"0" * 64), "table/sni#shop.example")],
    "table_stale": [
        (lambda h: h.with_compiled("tls_policy", {b"bank.example": b"may"}), "table/tls_policy"),
        (lambda h: sni(h, b"sha256:" + b"d" * 64).with_table("sni", SNI_ROW + b"new.example /etc/ssl/private/chain.pem\n"), "table/sni"),
    ],
    "certificate_expiring": [(lambda h: h.with_leaf(ends=29), "file//etc/ssl/private/chain.pem")],
    # deprecated
    "deprecated_parameter": [
        (lambda h: h.on("3.9.1").put("smtpd_tls_security_level =", "smtpd_use_tls = yes"), "main.cf/smtpd_use_tls"),
        (lambda h: h.on("3.9.1").put("smtpd_tls_eecdh_grade = ultra"), "main.cf/smtpd_tls_eecdh_grade"),
    ],
    "removed_parameter": [(lambda h: h.put("smtpd_tls_cipherlist = HIGH"), "main.cf/smtpd_tls_cipherlist")],
    # without effect
    "certificate_ignored": [(lambda h: h.put("smtpd_tls_cert_file = /etc/ssl/certs/old.pem"), "main.cf/smtpd_tls_cert_file")],
    "client_certificates_never_asked": [(lambda h: h.put("smtpd_relay_restrictions = permit_tls_clientcerts, reject"), "main.cf/smtpd_relay_restrictions")],
    "client_level_on_server": [(lambda h: h.put("smtpd_tls_security_level = verify"), "main.cf/smtpd_tls_security_level")],
    "duplicate_option": [(lambda h: h.edit(SUBMISSION, f"{SUBMISSION}\n  -osmtpd_tls_security_level=encrypt"), "master.cf/submission/inet/-o/smtpd_tls_security_level")],
    "duplicate_parameter": [(lambda h: replace(h, main="smtp_tls_loglevel = 0\n" + h.main), "main.cf/smtp_tls_loglevel")],
    "duplicate_service": [(lambda h: replace(h, master="587 inet n - y - - smtpd\n" + h.master), "master.cf/submission/inet")],
    "legacy_overridden": [(lambda h: h.put("smtpd_use_tls = yes"), "main.cf/smtpd_use_tls")],
    "orphan_continuation": [
        (lambda h: replace(h, main=" smtp_tls_loglevel = 1\n" + h.main), "file/main.cf"),
        (lambda h: replace(h, master=" smtps inet n - y - - smtpd\n" + h.master), "file/master.cf"),
    ],
    "parameter_from_later_version": [(lambda h: h.put("smtp_tls_enable_rpk = yes"), "main.cf/smtp_tls_enable_rpk")],
    "policy_attributes_ignored": [(lambda h: h.with_table("tls_policy", b"bank.example none protocols=TLSv1.2\n"), "table/tls_policy#bank.example")],
    "policy_never_matches": [
        (lambda h: relayed(h, b"relay.example encrypt\n"), "table/tls_policy#relay.example"),
        (lambda h: relayed(h, b"[relay.example] encrypt\n"), "table/tls_policy#[relay.example]"),
        (lambda h: h.with_table("tls_policy", b".[relay.example] encrypt\n"), "table/tls_policy#.[relay.example]"),
        (lambda h: h.with_table("tls_policy", b"*.bank.example encrypt\n"), "table/tls_policy#*.bank.example"),
        (lambda h: h.with_table("tls_policy", b"bob@bank.example encrypt\n"), "table/tls_policy#bob@bank.example"),
        (lambda h: h.put("transport_maps = hash:/etc/postfix/transport").with_table("transport", b"bank.example smtp:[10.0.0.9]:26\n"), "table/tls_policy#bank.example"),
    ],
    "restriction_unreachable": [
        (lambda h: h.put("smtpd_sender_restrictions = permit, check_sender_access hash:/etc/postfix/senders"), "main.cf/smtpd_sender_restrictions"),
        (lambda h: h.edit("permit_sasl_authenticated,reject", "reject,permit_sasl_authenticated"), "master.cf/submission/inet/-o/smtpd_client_restrictions"),
    ],
    "row_ignored": [
        (lambda h: h.with_table("tls_policy", b"bank.example encrypt\nalone\n"), "table/tls_policy"),
        (lambda h: h.with_table("tls_policy", b"bank.example encrypt\nBANK.example may\n"), "table/tls_policy"),
    ],
    "session_cache_option": [(lambda h: h.edit(SUBMISSION, f"{SUBMISSION}\n  -o smtpd_tls_session_cache_database=btree:/var/lib/postfix/a"), "master.cf/submission/inet/-o/smtpd_tls_session_cache_database")],
    "undefined_reference": [(lambda h: h.edit("permit_sasl_authenticated,reject", "$mua_client_restrictions"), "master.cf/submission/inet/-o/smtpd_client_restrictions")],
    "unknown_parameter": [(lambda h: h.put("smtpd_tls_securty_level = encrypt"), "main.cf/smtpd_tls_securty_level")],
    # info
    "chain_out_of_order": [(lambda h: h.with_chain(problem="the chain is out of order: 'R3' should follow, and 'X1' does"), "file//etc/ssl/private/chain.pem")],
    "cipherlist_changed": [(lambda h: h.put("tls_medium_cipherlist = HIGH:!RC4:!MD5"), "main.cf/tls_medium_cipherlist")],
    "crlf": [(lambda h: replace(h, main=h.main.replace("\n", "\r\n")), "file/main.cf")],
    "deprecated_later": [(lambda h: h.put("smtpd_tls_dh1024_param_file = /etc/postfix/dh.pem"), "main.cf/smtpd_tls_dh1024_param_file")],
    "file_not_replaceable": [(lambda h: h.with_name("/etc/postfix/main.cf", obstacle="it has 2 hard links; make it a file of its own"), "file/main.cf")],
    "long_line": [(lambda h: h.put("smtpd_banner = " + "x" * (1 << 20)), "file/main.cf")],
    "not_looked_at": [
        (lambda h: replace(h, directory="/srv/copy"), "file//srv/copy"),
        (lambda h: replace(h, main=h.main + "nonsense\n"), "file//etc/postfix"),
        (lambda h: h.with_chain(certificates=(), key_public_sha256=None, order=(), problem="not permitted; run as root"), "file//etc/ssl/private/chain.pem"),
        (lambda h: replace(h, unreadable={"/etc/postfix/senders": "a directory; name a file in it"}), "file/senders"),
    ],
    "option_repeats_main": [(lambda h: replace(h, master=h.master + "  -o smtp_tls_security_level=MAY\n"), "master.cf/relay/unix/-o/smtp_tls_security_level")],
    "symbolic_link": [(lambda h: h.with_name("/etc/postfix/main.cf", kind=NameKind.LINK), "file/main.cf")],
    "tls_not_logged": [
        (lambda h: h.put("smtp_tls_loglevel = 0"), "main.cf/smtp_tls_loglevel"),
        (lambda h: h.put("smtpd_tls_loglevel = 0"), "main.cf/smtpd_tls_loglevel"),
    ],
}  # fmt: skip
FIRING = [
    pytest.param(rule, change, where, id=f"{rule}-{number}")
    for rule, cases in CASES.items()
    for number, (change, where) in enumerate(cases)
]


def test_every_rule_has_a_case() -> None:
    assert CASES.keys() == audit.RULES.keys()


@pytest.mark.parametrize(("rule", "change", "where"), FIRING)
def test_the_rule_fires(good, rule, change, where) -> None:
    found = [it for it in change(good).findings() if it.rule == rule]
    assert [str(it.address) for it in found] == [where]
    assert found[0].severity is audit.RULES[rule]
    assert found[0].evidence
    assert found[0].why
    assert found[0].fix.advice or found[0].fix.lines


def test_nothing_is_found_where_nothing_is_wrong(good) -> None:
    assert good.findings() == ()


@pytest.mark.parametrize(("rule", "change", "where"), FIRING)
def test_every_suggested_line_is_one_a_host_file_takes(good, rule, change, where) -> None:
    for found in change(good).findings():
        if found.fix.lines:
            text = "\n".join(found.fix.lines) + "\n"
            desired.load(RepoSnapshot({"hosts/mx1.example.org.yaml": text.encode()}, "", ""), "mx1.example.org")


@pytest.mark.parametrize(("rule", "change", "where"), FIRING)
def test_every_address_can_be_read_back(good, rule, change, where) -> None:
    for found in change(good).findings():
        assert address.parse(str(found.address)) == found.address


@pytest.mark.parametrize("name", remedy.KEYS)
def test_the_key_of_a_parameter_is_the_one_that_sets_it(name) -> None:
    value = {"loglevel": "1", "protocols": ">=TLSv1.2", "ciphers": "medium", "level": "may"}
    text = next((it for end, it in value.items() if name.endswith(end)), "yes")
    text = {"e": "/etc/ssl/a.pem", "h": "/etc/ssl/a"}[name[-1]] if "_CA" in name else text
    text = "aNULL" if "exclude" in name else text
    fix = remedy.parameter(name, text)
    repo = RepoSnapshot({"hosts/mx1.example.org.yaml": ("\n".join(fix.lines) + "\n").encode()}, "", "")
    assert [(it.name, it.value) for it in desired.load(repo, "mx1.example.org").parameters] == [(name, text)]


def test_the_reference_lists_every_rule_with_its_severity() -> None:
    page = (ROOT / "docs/reference/audit.md").read_text()
    severity = None
    listed = {}
    for line in page.splitlines():
        heading = re.fullmatch(r"## (.+)", line)
        if heading:
            word = heading[1].lower().replace(" ", "_")
            severity = Severity(word) if word in list(Severity) else None
        elif severity and (row := re.match(r"\| `([a-z_]+)` \|", line)):
            listed[row[1]] = severity
    assert listed == dict(audit.RULES)


def test_keys_in_an_sni_map_become_digests(good) -> None:
    content = b"-----BEGIN PRIVATE KEY-----"
    host = sni(good, base64.b64encode(content))
    cleaned = audit.without_keys(host.scene())
    digest = b"sha256:" + hashlib.sha256(content).hexdigest().encode()
    assert cleaned.compiled["/etc/postfix/sni"].rows == {b"shop.example": digest}
