"""Further harmless mutations: unusual and legal, as administrators really write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.mutations.cases import Files, Mutation, append, column, main, master, put
from tests.mutations.further_mail import _postscreen, both, text
from tests.mutations.site import NAME, POLICY, SENDERS, Site, certificate, key, pem


def fine(name: str, files: Callable[[Site], Files], **tables: str) -> Mutation:
    return Mutation("harmless", name, files, harmful=False, tables=tables)


def said(name: str, **parameters: str | None) -> Mutation:
    return fine(name, main(**parameters))


def rows(name: str, *lines: str, to: str = "policy") -> Mutation:
    content = "".join(f"{line}\n" for line in lines).encode()
    return fine(name, put(to, lambda _: (POLICY if to == "policy" else SENDERS) + content), **{to: "hash"})


def made(name: str, files: dict[str, bytes], tables: dict[str, str], **parameters: str) -> Mutation:
    """Files that are new, and parameters that name them."""
    return fine(name, both(lambda _: files, main(**parameters)), **tables)


def _named(*names: str) -> Callable[[Site], bytes]:
    def content(_: Site) -> bytes:
        secret = key("rsa")
        return pem(secret) + certificate(secret, *names)

    return content


def _authority(subject: str, issuer: str, public, signer) -> bytes:
    now = datetime.now(UTC)

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    built = x509.CertificateBuilder(
        issuer_name=name(issuer), subject_name=name(subject), public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=9), not_valid_after=now + timedelta(days=900),
    ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)  # fmt: skip
    return built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _of_authority(_: Site, *, root: bool = False) -> bytes:
    top, middle, own = key("ec"), key("ec"), key("ec")
    leaf = certificate(own, NAME, issuer="Middle CA", signer=middle)
    chain = leaf + _authority("Middle CA", "Root CA", middle.public_key(), top)
    return pem(own) + chain + (_authority("Root CA", "Root CA", top.public_key(), top) if root else b"")


def _traditional(_: Site) -> bytes:
    """As `openssl ecparam -genkey` and `openssl req` write it."""
    secret = ec.generate_private_key(ec.SECP256R1())
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    old = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return parameters + old + certificate(secret, NAME)


def _explained(site: Site) -> bytes:
    """As `openssl pkcs12` and `openssl x509 -text` write it."""
    bag = b"Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n"
    return bag + site.rsa_key + b"Certificate:\n    Data:\n        Version: 3 (0x2)\n" + site.rsa_chain


_FILTERED = """\
smtp-amavis unix - - n - 2 smtp
  -o smtp_data_done_timeout=1200
  -o disable_dns_lookups=yes
  -o max_use=20
127.0.0.1:{port} inet n - n - - smtpd
  -o content_filter=
  -o smtpd_tls_security_level=none
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o mynetworks=127.0.0.0/8
"""
_PIPES = """\
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
dovecot   unix  -       n       n       -       -       pipe
  flags=DRhu user=vmail:vmail argv=/usr/lib/dovecot/dovecot-lda -f ${sender} -d ${recipient}
policyd-spf unix -      n       n       -       0       spawn
  user=policyd-spf argv=/usr/bin/policyd-spf
"""
_FREE = 2  # ports that nobody else is given


def _with_filter(site: Site) -> Files:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    master_cf = site.read("master.cf") + _FILTERED.format(port=port).encode()
    return {**main(content_filter="smtp-amavis:[127.0.0.1]:10024")(site), "master.cf": master_cf}


FURTHER_HARMLESS = (
    said("RSA and EC in one file", smtpd_tls_chain_files="ETC/rsa.pem ETC/ec.pem"),
    fine("two chains in one file", both(put("both.pem", lambda s: s.rsa_key + s.rsa_chain + s.ec_key + s.ec_chain),
                                         main(smtpd_tls_chain_files="ETC/both.pem"))),
    fine("a wildcard certificate", put("rsa.pem", _named("*.example.org"))),
    fine("a certificate in capitals", put("rsa.pem", _named("MX1.EXAMPLE.ORG"))),
    fine("a certificate of many names", put("rsa.pem", _named("mail.example.org", NAME, "smtp.example.org"))),
    fine("a chain with an intermediate", put("ec.pem", _of_authority)),
    fine("a chain with its root", put("ec.pem", lambda s: _of_authority(s, root=True))),
    fine("a key as ecparam writes it", put("ec.pem", _traditional)),
    fine("a file as pkcs12 writes it", put("rsa.pem", _explained)),
    fine("PEM with CRLF", put("rsa.pem", lambda s: (s.rsa_key + s.rsa_chain).replace(b"\n", b"\r\n"))),
    fine("PEM without a last newline", put("rsa.pem", lambda s: (s.rsa_key + s.rsa_chain).rstrip(b"\n"))),
    said("two older pairs", smtpd_tls_chain_files=None, smtpd_tls_cert_file="ETC/rsa.pem",
         smtpd_tls_eccert_file="ETC/ec.pem", smtpd_tls_eckey_file="ETC/ec.pem"),
    said("a client certificate", smtp_tls_chain_files="ETC/ec.pem"),
    said("authorities of the system", smtp_tls_CAfile="/etc/ssl/certs/ca-certificates.crt"),
    said("authorities of a directory", smtp_tls_CApath="/etc/ssl/certs"),
    said("client certificates are welcome", smtpd_tls_ask_ccert="yes", smtpd_tls_CAfile="ETC/ca.pem"),
    made("clients by certificate", {"clients": b"AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01 mx2\n"},
         {"clients": "hash"}, smtpd_tls_ask_ccert="yes", relay_clientcerts="hash:ETC/clients",
         smtpd_relay_restrictions="permit_mynetworks, permit_sasl_authenticated, permit_tls_clientcerts, reject_unauth_destination"),
    said("TLS 1.3 alone", smtpd_tls_protocols="TLSv1.3", smtpd_tls_mandatory_protocols="TLSv1.3"),
    said("protocols by number", smtpd_tls_protocols=">=0x0303"),
    said("a range of protocols", smtp_tls_protocols=">=TLSv1.2, <=TLSv1.3", smtp_tls_mandatory_protocols=">=TLSv1.2:<=TLSv1.3"),
    said("ciphers as guides exclude them",
         smtpd_tls_exclude_ciphers="aNULL, eNULL, EXPORT, DES, RC4, MD5, PSK, aECDH, EDH-DSS-DES-CBC3-SHA, KRB5-DES, CBC3-SHA"),
    said("ciphers as Mozilla lists them", tls_preempt_cipherlist="yes", smtpd_tls_mandatory_ciphers="medium",
         tls_medium_cipherlist="ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"),
    said("a protocol of the past alone", smtpd_tls_protocols="SSLv2"),
    said("a grade of curves nobody knows", smtpd_tls_eecdh_grade="excellent"),
    said("curves", tls_eecdh_auto_curves="X25519 prime256v1 secp384r1", smtpd_tls_eecdh_grade="auto"),
    said("DH by itself", smtpd_tls_dh1024_param_file="auto"),
    said("options of OpenSSL", tls_ssl_options="NO_COMPRESSION, NO_RENEGOTIATION"),
    said("session tickets off", tls_ssl_options="NO_TICKET", smtpd_tls_session_cache_timeout="3600s"),
    said("no session caches", smtpd_tls_session_cache_database="", smtp_tls_session_cache_database=""),
    said("caches as lmdb", smtpd_tls_session_cache_database="lmdb:${data_directory}/smtpd_scache"),
    said("authenticated header, details of TLS", smtpd_sasl_authenticated_header="yes", smtpd_tls_received_header="yes"),
    said("old and new switches", smtpd_use_tls="yes", smtp_use_tls="yes", smtpd_enforce_tls="no"),
    said("a parameter of a later Postfix", smtpd_tls_enable_rpk="yes", tls_required_enable="yes"),
    said("secure for all", smtp_tls_security_level="secure"),
    said("fingerprint for all", smtp_tls_security_level="fingerprint",
         smtp_tls_fingerprint_cert_match="AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89"),
    said("trust of a file of ours", smtp_tls_trust_anchor_file="ETC/ca.pem"),
    said("level named by another parameter", our_level="may", smtp_tls_security_level="$our_level"),
    said("level by a condition", smtp_tls_security_level="${{$mydomain} == {example.org} ? {may} : {encrypt}}"),
    said("relayhost with a login", relayhost="[smtp.partner.example]:587", smtp_sasl_auth_enable="yes",
         smtp_sasl_password_maps="static:user:secret", smtp_sasl_security_options="noanonymous",
         smtp_tls_security_level="encrypt"),
    said("relayhost from the first byte", relayhost="[smtp.partner.example]:465", smtp_tls_wrappermode="yes",
         smtp_tls_security_level="encrypt"),
    said("relayhost by its service", relayhost="[smtp.partner.example]:submission"),
    said("relayhost as an address", relayhost="[2001:db8::25]"),
    said("relayhost as a domain", relayhost="partner.example"),
    rows("policies of every kind", ".more.example may", "[10.1.2.3]:2525 none", "one.example verify match=hostname",
         "two.example secure match=.two.example:nexthop ciphers=high protocols=>=TLSv1.2",
         "three.example fingerprint match=AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01",
         "four.example encrypt exclude=3DES:RC4 servername=mx.four.example connection_reuse=no"),
    rows("none with attributes", "fax.example none protocols=TLSv1"),
    rows("policy in capitals", "More.Example ENCRYPT Protocols=TLSv1.2"),
    rows("policies separated by tabs and commas", "more.example\t\tencrypt,ciphers=high"),
    rows("a row over two lines", "more.example secure", "    match=nexthop", "# between", "    ciphers=high"),
    fine("a table with CRLF", put("policy", lambda _: (POLICY + b"more.example may\n").replace(b"\n", b"\r\n")), policy="hash"),
    rows("answers of every kind", "a.example OK", "b.example REJECT go away", "c.example 550 5.7.1 No", "d.example 450",
         "e.example DUNNO", "f.example HOLD", "g.example reject_unknown_sender_domain, permit",
         "h.example WARN who is that", "i.example PREPEND X-Seen: yes", "j.example REDIRECT abuse@example.org",
         "k.example DEFER_IF_PERMIT 4.7.1 later", "l.example FILTER smtp:[127.0.0.1]:10026", "m.example Reject_Plaintext_Session",
         "n.example BCC audit@example.org", "o.example DISCARD", "p.example 12345", to="senders"),
    made("a restriction class", {"vip": b"bank.example our_class\n"}, {"vip": "hash"}, smtpd_restriction_classes="our_class",
         our_class="reject_plaintext_session", smtpd_sender_restrictions="check_sender_access hash:ETC/vip"),
    said("policies in main.cf", smtp_tls_policy_maps="inline:{ {bank.example=encrypt}, {.partner.example=secure} }"),
    said("one policy for all", smtp_tls_policy_maps="static:encrypt"),
    said("two tables", smtp_tls_policy_maps="hash:ETC/policy, texthash:ETC/policy"),
    made("policies by pattern", {"patterns": b"/\\.bank\\.example$/ encrypt\n!/example/ may\n"}, {},
         smtp_tls_policy_maps="regexp:ETC/patterns"),
    made("clients by network", {"networks": b"192.0.2.0/24 reject_plaintext_session\n2001:db8::/32 REJECT\n"}, {},
         smtpd_client_restrictions="check_client_access cidr:ETC/networks"),
    made("header checks", {"headers": b"/^Subject: .*viagra/ REJECT\n/^Received:.*with ESMTPSA/ IGNORE\n"}, {},
         header_checks="regexp:ETC/headers", smtp_header_checks="pcre:ETC/headers"),
    made("aliases", {"aliases": b"info@example.org root@mx1.example.org\n"}, {"aliases": "hash"},
         virtual_alias_maps="hash:ETC/aliases", virtual_alias_domains="example.org"),
    said("strict about helo", smtpd_helo_required="yes", disable_vrfy_command="yes", strict_rfc821_envelopes="yes",
         smtpd_helo_restrictions="permit_mynetworks, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname"),
    said("strict about names in DNS",
         smtpd_helo_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unknown_helo_hostname"),
    said("strict about clients", smtpd_client_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unknown_client_hostname"),
    said("strict about senders", smtpd_sender_restrictions="reject_non_fqdn_sender, reject_unknown_sender_domain, permit_mynetworks"),
    said("block lists", smtpd_recipient_restrictions="reject_rbl_client zen.spamhaus.org=127.0.0.[2..11], reject_rhsbl_sender dbl.spamhaus.org, permit"),
    said("a policy service", smtpd_recipient_restrictions="permit_mynetworks, check_policy_service inet:127.0.0.1:10023"),
    said("senders are who they say", smtpd_sender_restrictions="reject_sender_login_mismatch", smtpd_sender_login_maps="static:user@example.org"),
    said("refused at once", smtpd_delay_reject="no", smtpd_client_restrictions="permit_sasl_authenticated, permit_mynetworks"),
    said("all of it for recipients", smtpd_relay_restrictions="permit",
         smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"),
    said("patience is short", smtpd_hard_error_limit="3", smtpd_soft_error_limit="1", smtpd_error_sleep_time="1s"),
    said("one connection a client", smtpd_client_connection_count_limit="1", smtpd_client_connection_rate_limit="3"),
    said("no plaintext mechanisms before TLS", smtpd_sasl_security_options="noanonymous, noplaintext",
         smtpd_sasl_tls_security_options="noanonymous", broken_sasl_auth_clients="yes"),
    said("AUTH for everybody, under TLS", smtpd_sasl_auth_enable="yes", smtpd_tls_auth_only="yes"),
    said("no AUTH for local clients", smtpd_sasl_exceptions_networks="$mynetworks"),
    said("no AUTH for loopback", smtpd_sasl_exceptions_networks="127.0.0.0/8"),
    said("keywords hidden", smtpd_discard_ehlo_keywords="chunking, silent-discard, dsn, etrn"),
    said("networks", mynetworks="127.0.0.0/8 [::1]/128 [fe80::]/64 10.0.0.0/8 192.168.0.0/16"),
    said("networks that are not routed", mynetworks="127.0.0.0/8 [::1]/128 [fe80::]/10 [fc00::]/7 10.0.0.0/8"),
    said("limits of each transport", smtp_initial_destination_concurrency="2", lmtp_destination_concurrency_limit="5", smtp_destination_concurrency_failed_cohort_limit="3"),
    said("names of older versions", postscreen_dnsbl_ttl="1h", smtp_skip_4xx_greeting="yes", smtpd_tls_dh2048_param_file="/etc/ssl/dh.pem"),
    fine("restrictions of Debian that are not set", master("smtpd_client_restrictions=permit_sasl_authenticated,reject", "smtpd_client_restrictions=permit_sasl_authenticated,reject\n  -o smtpd_helo_restrictions=$mua_helo_restrictions\n  -o smtpd_sender_restrictions=$mua_sender_restrictions")),
    said("networks of a style", mynetworks=None, mynetworks_style="host"),
    said("more domains", mydestination="$myhostname, localhost.$mydomain, localhost, example.org", relay_domains="partner.example"),
    said("all interfaces", inet_interfaces="all", inet_protocols="all"),
    said("loopback alone", inet_interfaces="loopback-only"),
    said("large messages", message_size_limit="52428800", mailbox_size_limit="0", virtual_mailbox_limit="0"),
    said("compatibility", compatibility_level="3.7", smtputf8_enable="no"),
    said("the old compatibility", compatibility_level="2"),
    said("log by syslog", maillog_file="", syslog_facility="mail"),
    said("a banner of nothing", smtpd_banner="$myhostname ESMTP"),
    said("haste", smtp_connect_timeout="10s", smtp_helo_timeout="20s", queue_run_delay="200s", default_process_limit="50"),
    said("chance from the old device", tls_random_source="dev:/dev/random"),
    fine("postscreen", _postscreen()),
    fine("postscreen with everything", both(_postscreen(), main(
        postscreen_greet_action="enforce", postscreen_dnsbl_sites="zen.spamhaus.org*3, bl.spamcop.net", postscreen_dnsbl_action="enforce",
        postscreen_dnsbl_threshold="3", postscreen_access_list="permit_mynetworks"))),
    fine("a content filter with its way back", _with_filter),
    fine("Debian's pipes", append(_PIPES, "master.cf")),
    fine("a slow way out", append("slow unix - - n - 2 smtp\n  -o smtp_tls_security_level=encrypt\n  -o syslog_name=postfix/slow\n", "master.cf")),
    fine("limits of a transport of ours", both(append("slow unix - - n - 2 smtp\n", "master.cf"), main(
        slow_destination_concurrency_limit="1", slow_destination_rate_delay="2s", smtp_destination_concurrency_limit="4"))),
    fine("restrictions by names of our own", both(
        main(mua_client_restrictions="permit_sasl_authenticated, reject", mua_helo_restrictions=""),
        master("smtpd_client_restrictions=permit_sasl_authenticated,reject",
               "smtpd_client_restrictions=$mua_client_restrictions\n  -o smtpd_helo_restrictions=$mua_helo_restrictions"))),
    fine("milters off for one service", master("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=encrypt\n  -o smtpd_milters=\n  -o content_filter=")),
    fine("login for recipients", master("smtpd_client_restrictions=permit_sasl_authenticated,reject",
        "smtpd_client_restrictions=\n  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject")),
    fine("an option twice", master("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=may\n  -o smtpd_tls_security_level=encrypt")),
    fine("options glued", master("-o smtpd_tls_security_level=encrypt", "-osmtpd_tls_security_level=encrypt")),
    fine("a comment among the options", master("  -o smtpd_tls_security_level=encrypt", "# since May\n\n  # indented\n  -o smtpd_tls_security_level=encrypt")),
    fine("columns without care", column("SUBMISSION", 3, "y")),
    fine("qmgr in the old way", column("qmgr", 7, "oqmgr")),
    fine("chroot as Debian has it", both(column("cleanup", 4, "y"))),
    fine("pickup more often", column("pickup", 5, "10")),
    fine("a service as it stands, twice", lambda s: {"master.cf": s.read("master.cf") + b"flush unix n - n 1000? 0 flush\n"}),
    fine("master.cf with CRLF", lambda s: {"master.cf": s.read("master.cf").replace(b"\n", b"\r\n")}),
    fine("no newline at the end", lambda s: {"main.cf": s.read("main.cf").rstrip(b"\n"), "master.cf": s.read("master.cf").rstrip(b"\n")}),
    fine("a comment inside a continuation", text("= permit_mynetworks, permit_sasl", "=\n  permit_mynetworks,\n# who has logged in\n\n   permit_sasl")),
    fine("tabs and capitals", text("smtpd_tls_security_level = may", "smtpd_tls_security_level\t=\tMay  ")),
)  # fmt: skip
