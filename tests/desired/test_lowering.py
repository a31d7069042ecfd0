"""What keys become: parameters, tables, services, files. The two host files of the design come first, whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reconciler.model.desired import Part, SelfSigned
from reconciler.postfix.table import TableType

MX = """\
# yaml-language-server: $schema=../schemas/host-v1.json
profile: intermediate                # every key below overrides it
enforce: [certificates, outgoing.policies]   # the rest is observed; default: observe everything

certificates:
  default:                           # smtpd_tls_chain_files
    certbot: mx1.isp.example         # live/…/privkey.pem + fullchain.pem → one checked PEM, key first
    until_present: self_signed       # bootstrap; made outside certbot's folders
  mail.customer.example:             # any other name is SNI, built with postmap -F
    chain_files: [/etc/ssl/customer/ecdsa.pem, /etc/ssl/customer/rsa.pem]

incoming:                            # smtpd, port 25
  security_level: may
  policies:                          # reject_plaintext_session
    senders: [bank.example]          # subdomains too
    clients: [192.0.2.0/24, "2001:db8:7::/48"]

outgoing:                            # smtp
  security_level: dane               # brings smtp_dns_support_level = dnssec
  ca_file: /etc/ssl/certs/ca-certificates.crt
  policies:                          # nexthop: Postfix's own right-hand side, parsed and checked
    bank.example: secure match=nexthop:dot-nexthop
    "[relay.partner.example]:587": encrypt protocols=>=TLSv1.2
  policy_files: [policies/partners.map]   # inline rows win

parameters:                          # any other parameter inside the TLS scope, full name
  smtpd_tls_received_header: yes
"""
SUBMISSION = """\
groups: [submission, eu]
enforce: all
submission:                          # 587; `listen:` for another address or port
  security_level: encrypt
  sasl: {type: dovecot, path: private/auth}
submissions:                         # 465, wrappermode implied
  sasl: {type: cyrus, path: smtpd}   # users and passwords stay on the host
waivers:
  - guard: tls_weakened
    at: table/tls_policy#fax.vendor.example
    reason: vendor gateway speaks TLS 1.0 only, SEC-4711
    until: 2027-01-31
"""
FLEET = """\
groups:
  submission: {certificates: {default: {chain_files: [tls/mx.pem, /etc/ssl/ecdsa.pem]}}}
  eu:
"""
PARTNERS = "# partners\nbank.example may\n.Partner.example\tencrypt\n  ciphers=high\n"
RESTRICTIONS = [
    ("smtpd_tls_auth_only", "yes"),
    ("smtpd_client_restrictions", "permit_sasl_authenticated,reject"),
    ("smtpd_helo_restrictions", ""),
    ("smtpd_sender_restrictions", ""),
    ("smtpd_recipient_restrictions", ""),
    ("smtpd_relay_restrictions", "permit_sasl_authenticated,reject"),
]


def written(state) -> dict[str, str]:
    return {one.name: one.value for one in state.parameters}


def test_the_mx_of_the_design(state) -> None:
    mx = state(MX, {"policies/partners.map": PARTNERS})
    assert [(one.name, one.value, one.part) for one in mx.parameters] == [
        ("smtpd_tls_chain_files", "$config_directory/tls/mx1.isp.example.pem", Part.CERTIFICATES),
        ("smtpd_tls_protocols", ">=TLSv1.2", Part.INCOMING),
        ("smtpd_tls_mandatory_protocols", ">=TLSv1.2", Part.INCOMING),
        ("smtpd_tls_ciphers", "medium", Part.INCOMING),
        ("smtpd_tls_mandatory_ciphers", "high", Part.INCOMING),
        ("smtpd_tls_security_level", "may", Part.INCOMING),
        ("smtp_tls_protocols", ">=TLSv1.2", Part.OUTGOING),
        ("smtp_tls_mandatory_protocols", ">=TLSv1.2", Part.OUTGOING),
        ("smtp_tls_ciphers", "medium", Part.OUTGOING),
        ("smtp_tls_mandatory_ciphers", "high", Part.OUTGOING),
        ("smtp_tls_security_level", "dane", Part.OUTGOING),
        ("smtp_tls_CAfile", "/etc/ssl/certs/ca-certificates.crt", Part.OUTGOING),
        ("smtp_dns_support_level", "dnssec", Part.OUTGOING),
        ("smtpd_tls_received_header", "yes", Part.PARAMETERS),
    ]
    assert [(t.path, t.type, t.parameter, t.before, t.part, [(r.key, r.value, str(r.origin)) for r in t.rows]) for t in mx.tables] == [
        (
            "tls_sni", None, "tls_server_sni_maps", "", Part.CERTIFICATES,
            [("mail.customer.example", "/etc/ssl/customer/ecdsa.pem, /etc/ssl/customer/rsa.pem", "hosts/mx1.example.org.yaml:9:3 (host)")],
        ),
        (
            "tls_senders", None, "smtpd_sender_restrictions", "check_sender_access", Part.INCOMING_POLICIES,
            [
                ("bank.example", "reject_plaintext_session", "hosts/mx1.example.org.yaml:15:15 (host)"),
                (".bank.example", "reject_plaintext_session", "hosts/mx1.example.org.yaml:15:15 (host)"),
            ],
        ),
        (
            "tls_clients", TableType.CIDR, "smtpd_client_restrictions", "check_client_access", Part.INCOMING_POLICIES,
            [
                ("192.0.2.0/24", "reject_plaintext_session", "hosts/mx1.example.org.yaml:16:15 (host)"),
                ("2001:db8:7::/48", "reject_plaintext_session", "hosts/mx1.example.org.yaml:16:29 (host)"),
            ],
        ),
        (
            "tls_policy", None, "smtp_tls_policy_maps", "", Part.OUTGOING_POLICIES,
            [
                ("bank.example", "secure match=nexthop:dot-nexthop", "hosts/mx1.example.org.yaml:22:5 (host)"),
                ("[relay.partner.example]:587", "encrypt protocols=>=TLSv1.2", "hosts/mx1.example.org.yaml:23:5 (host)"),
                (".partner.example", "encrypt ciphers=high", "policies/partners.map:3:1 (host)"),
            ],
        ),
    ]  # fmt: skip
    default, customer = mx.certificates
    assert (default.name, default.certbot, default.until_present) == (
        "default", "/etc/letsencrypt/live/mx1.isp.example", SelfSigned(("mx1.example.org",), timedelta(days=397)),
    )  # fmt: skip
    assert (customer.name, customer.chain_files) == (
        "mail.customer.example", ("/etc/ssl/customer/ecdsa.pem", "/etc/ssl/customer/rsa.pem"),
    )  # fmt: skip
    assert mx.enforced == {Part.CERTIFICATES, Part.OUTGOING_POLICIES}


def test_the_submission_host_of_the_design(state) -> None:
    host = state(SUBMISSION, {"fleet.yaml": FLEET})
    assert written(host) == {"smtpd_tls_chain_files": "$config_directory/tls/mx.pem, /etc/ssl/ecdsa.pem"}
    assert [(service.name, [(one.name, one.value) for one in service.options]) for service in host.services] == [
        (
            "submission",
            [
                ("syslog_name", "postfix/submission"),
                ("smtpd_tls_security_level", "encrypt"),
                ("smtpd_sasl_auth_enable", "yes"),
                ("smtpd_sasl_type", "dovecot"),
                ("smtpd_sasl_path", "private/auth"),
                ("smtpd_sasl_security_options", "noanonymous"),
                *RESTRICTIONS,
            ],
        ),
        (
            "submissions",
            [
                ("syslog_name", "postfix/submissions"),
                ("smtpd_tls_security_level", "encrypt"),
                ("smtpd_tls_wrappermode", "yes"),
                ("smtpd_sasl_auth_enable", "yes"),
                ("smtpd_sasl_type", "cyrus"),
                ("smtpd_sasl_path", "smtpd"),
                ("smtpd_sasl_security_options", "noanonymous"),
                *RESTRICTIONS,
            ],
        ),
    ]
    (waiver,) = host.waivers
    assert (waiver.guard, waiver.address, waiver.until) == (
        "tls_weakened", "table/tls_policy#fax.vendor.example", date(2027, 1, 31),
    )  # fmt: skip
    assert str(waiver.origin) == "hosts/mx1.example.org.yaml:9:5 (host)"
    assert host.enforced == frozenset(Part)


INCOMING = {
    "security_level: encrypt": ("smtpd_tls_security_level", "encrypt"),
    "ca_file: tls/ca.pem": ("smtpd_tls_CAfile", "$config_directory/tls/ca.pem"),
    "ca_path: /etc/ssl/certs": ("smtpd_tls_CApath", "/etc/ssl/certs"),
    'protocols: ">=TLSv1.2"': ("smtpd_tls_protocols", ">=TLSv1.2"),
    'mandatory_protocols: "!SSLv2, !SSLv3"': ("smtpd_tls_mandatory_protocols", "!SSLv2, !SSLv3"),
    "ciphers: HIGH": ("smtpd_tls_ciphers", "high"),
    "mandatory_ciphers: high": ("smtpd_tls_mandatory_ciphers", "high"),
    "exclude_ciphers: RC4, aNULL": ("smtpd_tls_exclude_ciphers", "RC4, aNULL"),
    'mandatory_exclude_ciphers: ""': ("smtpd_tls_mandatory_exclude_ciphers", ""),
    "loglevel: 1": ("smtpd_tls_loglevel", "1"),
    "received_header: Yes": ("smtpd_tls_received_header", "yes"),
    "auth_only: false": ("smtpd_tls_auth_only", "no"),
    "ask_client_certificate: TRUE": ("smtpd_tls_ask_ccert", "yes"),
    "session_cache_timeout: 2h": ("smtpd_tls_session_cache_timeout", "7200s"),
}
OUTGOING = {
    "security_level: secure": ("smtp_tls_security_level", "secure"),
    "ca_file: $config_directory/ca.pem": ("smtp_tls_CAfile", "$config_directory/ca.pem"),
    "ciphers: medium": ("smtp_tls_ciphers", "medium"),
    "note_starttls_offer: yes": ("smtp_tls_note_starttls_offer", "yes"),
    "connection_reuse: no": ("smtp_tls_connection_reuse", "no"),
    "session_cache_timeout: 60": ("smtp_tls_session_cache_timeout", "60s"),
    "chain_files: [a.pem, /b.pem]": ("smtp_tls_chain_files", "$config_directory/a.pem, /b.pem"),
}
KEYS = [("incoming", key, pair) for key, pair in INCOMING.items()] + [
    ("outgoing", key, pair) for key, pair in OUTGOING.items()
]


@pytest.mark.parametrize(("section", "key", "expected"), KEYS, ids=[f"{section} {key}" for section, key, _ in KEYS])
def test_a_key_becomes_its_parameter(state, section: str, key: str, expected: tuple[str, str]) -> None:
    found = state(f"certificates: {{default: unmanaged}}\n{section}:\n  {key}\n")
    assert written(found) == dict([expected])
    assert {one.part for one in found.parameters} == {Part(section)}


def test_the_older_pair_of_files_becomes_its_two_parameters(state) -> None:
    found = state("certificates: {default: {cert_file: c.pem, key_file: /k.pem}}\n")
    assert written(found) == {"smtpd_tls_cert_file": "$config_directory/c.pem", "smtpd_tls_key_file": "/k.pem"}
    assert (found.certificates[0].certificate_file, found.certificates[0].key_file) == ("c.pem", "/k.pem")


def test_clients_are_networks_in_cidr_and_names_in_an_indexed_table(state) -> None:
    clients = "[192.0.2.7, '2001:DB8::/32', Host.example, 10.0.0.0/8]"
    found = state(
        f"incoming: {{policies: {{clients: {clients}, client_table: sub/nets, client_name_table: 'lmdb:/x'}}}}\n"
    )
    networks, names = found.tables
    assert (networks.path, networks.type) == ("sub/nets", TableType.CIDR)
    assert [row.key for row in networks.rows] == ["192.0.2.7", "2001:db8::/32", "10.0.0.0/8"]
    assert (names.path, names.type, names.parameter) == ("/x", TableType.LMDB, "smtpd_client_restrictions")
    assert [row.key for row in names.rows] == ["host.example", ".host.example"]


def test_a_single_sender_is_one_row(state) -> None:
    (table,) = state("incoming: {policies: {senders: [Me@bank.example]}}\n").tables
    assert [row.key for row in table.rows] == ["me@bank.example"]


def test_a_dane_row_brings_dnssec_as_the_level_does(state) -> None:
    (one,) = state("outgoing: {policies: {a.example: dane-only}}\n").parameters
    assert (one.name, one.value, one.part) == ("smtp_dns_support_level", "dnssec", Part.OUTGOING_POLICIES)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("enforce: [outgoing.policies]\noutgoing: {security_level: dane, policies: {a.example: dane}}\n", Part.OUTGOING_POLICIES),
        ("enforce: [outgoing]\noutgoing: {security_level: dane, policies: {a.example: dane}}\n", Part.OUTGOING),
        ("outgoing: {security_level: dane, policies: {a.example: dane}}\n", Part.OUTGOING),
        ("enforce: [outgoing.policies]\noutgoing: {security_level: dane, policies: {a.example: may}}\n", Part.OUTGOING),
        ("enforce: [outgoing.policies]\noutgoing: {policies: {a.example: dane}}\nparameters: {smtp_dns_support_level: dnssec}\n", Part.OUTGOING_POLICIES),
        ("enforce: [parameters]\noutgoing: {policies: {a.example: dane}}\nparameters: {smtp_dns_support_level: DNSSEC}\n", Part.PARAMETERS),
    ],
)  # fmt: skip
def test_dnssec_is_enforced_with_whatever_enforced_part_asks_for_it(state, text: str, part: Part) -> None:
    found = [one for one in state(text).parameters if one.name == "smtp_dns_support_level"]
    assert [(one.value, one.part) for one in found] == [("dnssec", part)]


def test_a_dane_row_of_a_policy_file_refuses_a_resolver_without_dnssec(problems) -> None:
    host = "outgoing: {policy_files: [policies/a.map]}\nparameters: {smtp_dns_support_level: enabled}\n"
    assert [str(problem) for problem in problems(host, {"policies/a.map": "a.example DANE-only\n"})] == [
        "hosts/mx1.example.org.yaml:2:38: parameters.smtp_dns_support_level: 'enabled' without DNSSEC, and a policy is dane, at policies/a.map:1:1 (host); remove it: the policy brings dnssec"
    ]


def test_two_policy_files_that_disagree_are_an_error(problems) -> None:
    host = "outgoing: {policy_files: [policies/a.map, policies/b.map]}\n"
    found = problems(
        host, {"policies/a.map": "x.example may\ny.example may\n", "policies/b.map": "# \ny.example encrypt\n"}
    )
    assert [str(problem) for problem in found] == [
        "policies/b.map:2:1: y.example: this destination has a policy already, at policies/a.map:2:1 (host); keep one of them"
    ]


def test_a_disabled_service_is_declared_without_options(state) -> None:
    (service,) = state("submission: {enabled: no, listen: '127.0.0.1:10587'}\n").services
    assert (service.name, service.enabled, service.options) == ("127.0.0.1:10587", False, ())


def test_the_rest_of_a_service_follows_its_fixed_options(state) -> None:
    sasl = "{type: cyrus, path: smtpd, local_domain: example.org}"
    more = "protocols: '>=TLSv1.3', ciphers: high, parameters: {smtpd_tls_ask_ccert: true}"
    (service,) = state(f"certificates: {{default: unmanaged}}\nsubmission: {{sasl: {sasl}, {more}}}\n").services
    options = [(one.name, one.value) for one in service.options]
    assert ("smtpd_sasl_local_domain", "example.org") in options
    assert options[-3:] == [
        ("smtpd_tls_mandatory_protocols", ">=TLSv1.3"),
        ("smtpd_tls_mandatory_ciphers", "high"),
        ("smtpd_tls_ask_ccert", "yes"),
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("profile: old\n", set()),
        ("enforce: all\n", set(Part)),
        ("enforce: all\nobserve: [incoming]\n", set(Part) - {Part.INCOMING, Part.INCOMING_POLICIES}),
        ("enforce: [incoming]\n", {Part.INCOMING, Part.INCOMING_POLICIES}),
        ("enforce: [incoming]\nobserve: [incoming.policies]\n", {Part.INCOMING}),
        ("enforce: [outgoing.policies]\nobserve: [outgoing]\n", {Part.OUTGOING_POLICIES}),
        ("enforce: [incoming]\nobserve: [incoming]\n", set()),
    ],
)
def test_policies_follow_the_part_they_stand_in_unless_they_are_named(state, text: str, parts: set[Part]) -> None:
    assert state(text + "outgoing: {loglevel: 1}\n").enforced == parts


@pytest.mark.parametrize(
    "text",
    [
        "enforce: all\ncertificates: {default: unmanaged}\n",
        "submission: {enabled: no}\n",
        "enforce: []\n",
        "profile: old\n",
        "groups: [g]\n",
        "parameters: {smtpd_tls_loglevel: 1}\n",
    ],
)
def test_a_small_state_is_a_state(state, text: str) -> None:
    assert state(text, {"fleet.yaml": "groups: {g: {incoming: {loglevel: 1}}}\n"}).host == "mx1.example.org"
