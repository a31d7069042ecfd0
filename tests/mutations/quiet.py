"""Further harmful mutations that start, answer and say nothing: their harm shows with some message, peer or restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.mutations.cases import Files, Mutation, append, column, main, master, put
from tests.mutations.further_mail import both
from tests.mutations.further_tls import access, row, value
from tests.mutations.site import NAME, POLICY, Site, certificate, key, pem

_SUBMISSION = "smtpd_tls_security_level=encrypt"
_USERS = f"-o {_SUBMISSION} -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject"


def _submission(name: str, *options: str) -> Mutation:
    return Mutation(
        "submission", name, master(_SUBMISSION, _SUBMISSION + "".join(f"\n  -o {option}" for option in options))
    )


def _new(name: str, file: str, content: bytes, **parameters: str) -> Mutation:
    """A file that is new, and a parameter that names it."""
    return Mutation("table", name, both(put(file, lambda _: content), main(**parameters)))


def _authority(subject: str, secret, issuer, *, is_one: bool) -> bytes:
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, it)]) for it in (subject, "Root CA")]
    builder = x509.CertificateBuilder(
        issuer_name=names[1],
        subject_name=names[0],
        public_key=secret.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=90),
    ).add_extension(x509.BasicConstraints(is_one, None), critical=True)
    return builder.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _chain(*, forged: bool, is_one: bool) -> Callable[[Site], bytes]:
    """A chain whose second certificate has the right name."""

    def content(_: Site) -> bytes:
        root, middle, other, own = key(), key(), key(), key()
        leaf = certificate(own, NAME, issuer="Middle CA", signer=middle)
        return pem(own) + leaf + _authority("Middle CA", other if forged else middle, root, is_one=is_one)

    return content


def _common_name(_: Site) -> bytes:
    """A certificate for another host that says so in its subject alone."""
    secret, now = key(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.elsewhere.example")])
    made = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=secret.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=90),
    )
    return pem(secret) + made.sign(secret, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _disabled(site: Site) -> Files:
    return main(master_service_disable=f"127.0.0.1:{site.submission}.inet")(site)


QUIET = (
    Mutation("certificate", "for another name, without alternative names", put("ec.pem", _common_name)),
    Mutation("chain", "an issuer of the right name and another key", put("ec.pem", _chain(forged=True, is_one=True))),
    Mutation("chain", "an issuer that is no authority", put("ec.pem", _chain(forged=False, is_one=False))),
    Mutation("authorities", "the file that is named is removed", put("ca.pem", lambda _: None)),
    value("authorities", "directory missing", smtp_tls_CApath="/nonexistent"),
    value("authorities", "a file for a directory", smtpd_tls_CApath="ETC/ca.pem"),
    value("authorities", "anchors missing", smtp_tls_trust_anchor_file="/nonexistent.pem"),
    value("authorities", "anchors that are none", smtp_tls_trust_anchor_file="ETC/policy"),
    value("authorities", "of lmtp missing", lmtp_tls_CAfile="/nonexistent.pem"),
    value("ciphers", "without encryption", smtpd_tls_mandatory_ciphers="null"),
    value("ciphers", "smtp: without encryption", smtp_tls_mandatory_ciphers="null"),
    value("protocols", "smtp: of the past alone", smtp_tls_protocols="<=TLSv1"),
    value("protocols", "smtp: mandatory: of the past alone", smtp_tls_mandatory_protocols="TLSv1, TLSv1.1"),
    value("match", "verify: almost a strategy", smtp_tls_verify_cert_match="hostnam"),
    value("match", "secure: almost a strategy", smtp_tls_secure_cert_match="nexthop, nexthop-dot"),
    value("type", "depth of chains: -1", smtp_tls_scert_verifydepth="-1"),
    value("type", "a reply that takes what it refuses", plaintext_reject_code="250"),
    value("type", "a reply of three figures", unknown_local_recipient_reject_code="750"),
    value("level", "smtpd: no longer said", smtpd_tls_security_level=None),
    value("level", "smtpd: none", smtpd_tls_security_level="none"),
    Mutation("level", "MX alone: none", column("MX", 7, "smtpd -o smtpd_tls_security_level=none")),
    _submission("level none", "smtpd_tls_security_level=none"),
    _submission("level empty", "smtpd_tls_security_level="),
    _submission("filter that is not there", "content_filter=smtp-amavis:[127.0.0.1]:10024"),
    _submission("cleanup that is not there", "cleanup_service_name=submission-cleanup"),
    _submission("nobody may log in", "smtpd_sasl_exceptions_networks=static:all"),
    _submission("misspelt for DATA", "smtpd_data_restrictions=reject_unauth_pipelinin"),
    Mutation("listener", "MX gone", master("127.0.0.1:MX ", "#127.0.0.1:MX ")),
    Mutation("listener", "submission disabled", _disabled),
    Mutation("listener", "MX for users alone", column("MX", 7, f"smtpd {_USERS}")),
    value("restrictions", "DATA: misspelt", smtpd_data_restrictions="reject_unauth_pipelinin"),
    value("restrictions", "DATA: refused to all", smtpd_data_restrictions="reject"),
    value("restrictions", "end of DATA: deferred to all", smtpd_end_of_data_restrictions="defer"),
    value("restrictions", "ETRN: misspelt", smtpd_etrn_restrictions="permit_mynetwork, reject"),
    value(
        "restrictions",
        "senders: refused behind the table",
        smtpd_sender_restrictions="check_sender_access hash:ETC/senders, reject",
    ),
    value("restrictions", "policy service of nobody", smtpd_recipient_restrictions="check_policy_service unix:private/policy"),
    _new(
        "clients: everybody",
        "networks",
        b"0.0.0.0/0 REJECT\n",
        smtpd_client_restrictions="check_client_access cidr:ETC/networks",
    ),
    value("table", "policies in main.cf: level unknown", smtp_tls_policy_maps="inline:{ {bank.example=encript} }"),
    value("words", "digests of TLSA records", tls_dane_digests="sha-256"),
    Mutation(
        "policy",
        "dane, and no DNS",
        both(
            put("policy", lambda _: POLICY + b"more.example dane\n"),
            main(smtp_dns_support_level="dnssec", smtp_host_lookup="native"),
        ),
        tables={"policy": "hash"},
    ),
    row("strategy misspelt", "more.example secure match=nexthop-dot"),
    row("without encryption", "more.example encrypt ciphers=null"),
    row("key with a colon", "more.example: encrypt"),
    row("key without its bracket", "[relay2.example:587 encrypt"),
    access("a reply nobody knows", "other.example 999 no"),
    access("restriction misspelt", "other.example permit_mynetwork"),
    access("check without a table", "other.example check_client_access"),
    _new(
        "logins without a password",
        "logins",
        b"[smtp.partner.example]:587 user\n",
        smtp_sasl_auth_enable="yes",
        smtp_sasl_password_maps="texthash:ETC/logins",
    ),
    Mutation("master.cf", "qmgr is not woken up", column("qmgr", 5, "-")),
    Mutation("master.cf", "pipe without a user", append("lists unix - n n - - pipe argv=/bin/true\n", "master.cf")),
    Mutation("master.cf", "spawn as root", append("policy unix - n n - 0 spawn user=root argv=/bin/true\n", "master.cf")),
    Mutation("port", "an address without its bracket", append("[::1:20025 inet n - n - - smtpd\n", "master.cf")),
    value("route", "everything discarded", transport_maps="static:discard:"),
    value("route", "nothing is delivered elsewhere", default_transport="error:no mail today"),
    value("route", "fallback on a port nobody knows", smtp_fallback_relay="[mx2.example.org]:smpt"),
    value("route", "no DNS, and no relayhost", smtp_dns_support_level="disabled"),
    value("route", "bound to an address of the other kind", smtp_bind_address6="127.0.0.1"),
    value("path", "place of process IDs missing", process_id_directory="nonexistent/pid"),
    value("words", "local: a lock nobody knows", mailbox_delivery_lock="fcnt, dotlock"),
    value("words", "virtual: a lock nobody knows", virtual_mailbox_lock="fnctl"),
    value("words", "local: commands of a class nobody knows", allow_mail_to_commands="alias, forwards"),
    value("words", "classes of internal mail", internal_mail_filter_classes="bounces"),
    value("words", "options of a proxy filter", smtpd_proxy_options="speed_adjusted"),
    value("words", "whose headers are rewritten", local_header_rewrite_clients="permit_inet_interface"),
    value("words", "what a policy service's absence means", smtpd_policy_service_default_action="DUNO"),
    value("words", "type of tables", default_database_type="hsh"),
    value("type", "bounces of no size", bounce_size_limit="0"),
    value("type", "local: no time for commands", command_time_limit="0"),
    value("type", "limit of a transport", relay_destination_concurrency_limit="0x"),
    value("type", "delay of a transport", smtp_destination_rate_delay="1q"),
    value("type", "delay of a transport of ours", slow_destination_rate_delay="1q"),
    value("type", "no name for the log", syslog_name=""),
    value("table", "aliases without a type", alias_maps="/etc/aliases"),
    value("table", "routes without a type", transport_maps="ETC/policy"),
    value("table", "copies for a person, not a table", sender_bcc_maps="archive@example.org"),
    value("table", "a user who is no number", virtual_uid_maps="static:vmail"),
    value("path", "templates of bounces missing", bounce_template_file="/nonexistent"),
    value("path", "mailboxes elsewhere", mail_spool_directory="/nonexistent"),
    value("path", "delivery by a program that is not there", mailbox_command="/nonexistent/procmail -a $EXTENSION"),
    value("route", "mailboxes by a transport that is not there", mailbox_transport="dovecot"),
    value("route", "users elsewhere by a transport that is not there", fallback_transport="lmpt:unix:private/x"),
    value("route", "addresses verified by no host", address_verify_relayhost="[mx.example.org"),
    value("route", "port of lmtp", lmtp_tcp_port="lmpt"),
    value("name", "greeting with a blank", smtp_helo_name="mx 1"),
)  # fmt: skip
