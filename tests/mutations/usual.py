"""Further harmless mutations: what guides recommend and distributions bring, in the words they use."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from tests.mutations.cases import append, column, main, master, put
from tests.mutations.further_harmless import fine, made, rows, said
from tests.mutations.further_mail import both
from tests.mutations.site import Site, key

_RESTRICTED = "smtpd_client_restrictions=permit_sasl_authenticated,reject"
_LEVEL = "smtpd_tls_security_level=encrypt"


def _public(_: Site) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key("ec").public_key().public_bytes(serialization.Encoding.PEM, form)


USUAL = (
    fine(
        "delivery by dovecot",
        append(
            "dovecot unix - n n - - pipe\n  flags=DRhu user=vmail:vmail argv=/usr/lib/dovecot/deliver -f ${sender} -d ${recipient}\n",
            "master.cf",
        ),
    ),
    fine(
        "a policy service of master.cf",
        both(
            append("policyd-spf unix - n n - 0 spawn\n  user=nobody argv=/bin/true\n", "master.cf"),
            main(
                smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, check_policy_service unix:private/policyd-spf"
            ),
        ),
    ),
    rows(
        "nexthops of every form",
        "[2001:db8::1]:25 encrypt",
        "[IPv6:2001:db8::2] encrypt",
        "example.net:submission encrypt",
        "one.example:587 may",
        "[host] may",
        "q.example secure match=mx.q.example",
        "r.example secure match=nexthop:.r.example",
        "s.example verify match=hostname:nexthop:dot-nexthop",
        "t.example fingerprint match=AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01|BB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01",
    ),
    said("lists for DATA", smtpd_data_restrictions="reject_unauth_pipelining, reject_multi_recipient_bounce, permit"),
    said(
        "a policy service at the end of DATA",
        smtpd_end_of_data_restrictions="check_policy_service inet:127.0.0.1:10031",
    ),
    said(
        "a policy service with its own limits",
        smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, check_policy_service { inet:127.0.0.1:10023, timeout=10s, default_action=DUNNO }",
    ),
    said(
        "restrictions in capitals",
        smtpd_recipient_restrictions="PERMIT_MYNETWORKS, permit_sasl_authenticated, Reject_Unauth_Destination",
    ),
    said(
        "a class that is a policy service",
        smtpd_restriction_classes="greylist, strict",
        greylist="check_policy_service inet:127.0.0.1:10023",
        strict="reject_non_fqdn_sender",
        smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, greylist, strict",
    ),
    made(
        "names of clients by pattern",
        {"helo": b"/^localhost$/ REJECT go away\n/^mx1\\.example\\.org$/ 550 not you\n"},
        {},
        smtpd_helo_restrictions="permit_mynetworks, check_helo_access pcre:ETC/helo, reject_invalid_helo_hostname",
    ),
    made(
        "some networks refused",
        {"c": b"10.0.0.0/8 REJECT\n192.0.2.0/24 450 4.7.1 later\n0.0.0.0/0 DUNNO\n"},
        {},
        smtpd_client_restrictions="check_client_access cidr:ETC/c, permit",
    ),
    made(
        "a table of routes",
        {
            "transport": b"* smtp:[relay.example.org]:25\nexample.net :[mx.example.net]\n.example.net relay:\nlocal.example local:\n"
        },
        {"transport": "hash"},
        transport_maps="hash:ETC/transport",
    ),
    made(
        "some domains refused by route",
        {
            "transport": b"dead.example error:5.1.2 no such domain\nspam.example discard:\nslow.example retry:4.0.0 wait\n"
        },
        {"transport": "hash"},
        transport_maps="hash:ETC/transport",
    ),
    said("everything by relay", default_transport="relay:[relay.example.org]"),
    said("everything to one host", default_transport="smtp:[relay.example.org]:587"),
    said("no DNS, and a relayhost", smtp_dns_support_level="disabled", relayhost="[192.0.2.10]"),
    said(
        "no DNS in the old way, and a relayhost",
        disable_dns_lookups="yes",
        relayhost="192.0.2.10",
        smtp_host_lookup="native",
    ),
    said("hosts of /etc/hosts too", smtp_host_lookup="dns, native"),
    said(
        "authorities of directories, everywhere",
        smtpd_tls_CApath="/etc/ssl/certs",
        lmtp_tls_CApath="/etc/ssl/certs",
        lmtp_tls_CAfile="ETC/ca.pem",
    ),
    fine("a public key as anchor", both(put("anchor.pem", _public), main(smtp_tls_trust_anchor_file="ETC/anchor.pem"))),
    said(
        "lists of the good",
        postscreen_dnsbl_sites="list.dnswl.org=127.0.[0..255].[1..3]*-3",
        postscreen_dnsbl_whitelist_threshold="-1",
    ),
    said("no AUTH for some networks", smtpd_sasl_exceptions_networks="!192.168.0.0/16, 10.0.0.0/8"),
    said("level of listeners by another parameter", tls_level="may", smtpd_tls_security_level="$tls_level"),
    said("TLS for everybody", smtpd_tls_security_level="encrypt"),
    said(
        "milters with their own limits",
        smtpd_milters="{ inet:localhost:8891, connect_timeout=10s, default_action=accept }, local:opendkim/opendkim.sock, unix:/run/rspamd/milter.sock",
        non_smtpd_milters="$smtpd_milters",
        milter_default_action="accept",
        milter_protocol="6",
    ),
    said("bound to addresses", smtp_bind_address="127.0.0.1", smtp_bind_address6="::1"),
    said("hosts to fall back on", smtp_fallback_relay="[mx2.example.org], mx3.example.org:587"),
    fine("the older word for encrypt", master(_LEVEL, "smtpd_enforce_tls=yes\n  -o smtpd_tls_security_level=")),
    fine(
        "senders of users by names of our own",
        both(
            main(mua_sender_restrictions="reject_non_fqdn_sender, permit"),
            master(
                _RESTRICTED,
                _RESTRICTED
                + "\n  -o smtpd_sender_restrictions=$mua_sender_restrictions\n  -o { smtpd_recipient_restrictions = reject_non_fqdn_recipient, permit_sasl_authenticated, reject }",
            ),
        ),
    ),
    fine(
        "submission as Debian comments it",
        master(
            _RESTRICTED,
            _RESTRICTED
            + "\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n  -o milter_macro_daemon_name=ORIGINATING\n  -o smtpd_reject_unlisted_recipient=no",
        ),
    ),
    fine(
        "a way back for a filter",
        append(
            "127.0.0.1:20026 inet n - n - - smtpd\n  -o content_filter=\n  -o smtpd_client_restrictions=permit_mynetworks,reject\n  -o mynetworks=127.0.0.0/8\n  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks\n  -o smtpd_tls_security_level=none\n  -o smtpd_data_restrictions=reject_unauth_pipelining\n  -o smtpd_error_sleep_time=0\n",
            "master.cf",
        ),
    ),
    said("own networks alone", smtpd_client_restrictions="permit_mynetworks, reject"),
    said(
        "recipients for own networks and users alone",
        smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject",
    ),
    said(
        "relaying deferred",
        smtpd_relay_restrictions="permit_mynetworks permit_sasl_authenticated defer_unauth_destination",
    ),
    said(
        "a long list for recipients",
        smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, reject_invalid_hostname, reject_unauth_pipelining, reject_non_fqdn_sender, reject_unknown_sender_domain, reject_non_fqdn_recipient, reject_unknown_recipient_domain, reject_rbl_client zen.spamhaus.org, reject_rhsbl_helo dbl.spamhaus.org, reject_rhsbl_reverse_client dbl.spamhaus.org, permit_dnswl_client list.dnswl.org=127.0.[0..255].[1..3], check_recipient_access hash:ETC/senders, permit",
    ),
    said(
        "a class nobody asks",
        smtpd_restriction_classes="local_only",
        local_only="check_client_access inline:{ {127.0.0.1=OK} }, reject",
    ),
    said("a table without its check", smtpd_sender_restrictions="hash:ETC/senders"),
    said("ETRN for own networks", smtpd_etrn_restrictions="permit_mynetworks, reject"),
    said("refusals softened", soft_bounce="yes"),
    said(
        "recipients verified",
        smtpd_recipient_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, reject_unverified_recipient",
        address_verify_map="btree:$data_directory/verify_cache",
        unverified_recipient_reject_code="550",
        unverified_recipient_tempfail_action="defer",
    ),
    said(
        "replies of every kind",
        unknown_local_recipient_reject_code="450",
        unverified_sender_reject_code="550",
        access_map_reject_code="554",
        unknown_address_reject_code="550",
        unknown_hostname_reject_code="550",
        unknown_client_reject_code="550",
        non_fqdn_reject_code="504",
        invalid_hostname_reject_code="501",
        relay_domains_reject_code="554",
        maps_rbl_reject_code="554",
        multi_recipient_bounce_reject_code="550",
        plaintext_reject_code="450",
    ),
    said(
        "names to match",
        smtp_tls_verify_cert_match="hostname, nexthop, dot-nexthop",
        smtp_tls_secure_cert_match="nexthop, dot-nexthop, .example.com",
    ),
    said("place of process IDs", process_id_directory="pid"),
    said(
        "dane, and MX hosts without DNSSEC",
        smtp_tls_security_level="dane",
        smtp_dns_support_level="dnssec",
        smtp_host_lookup="dns",
        smtp_tls_dane_insecure_mx_policy="may",
    ),
    made(
        "logins elsewhere",
        {"pw": b"[smtp.partner.example]:587 user:secret\nsmtp.other.example user@other.example:pa:ss\n"},
        {"pw": "hash"},
        smtp_sasl_auth_enable="yes",
        smtp_sasl_password_maps="hash:ETC/pw",
    ),
    fine("the queue more often", column("qmgr", 5, "60")),
    fine("tlsmgr seldom", column("tlsmgr", 5, "300?")),
    fine("a certificate twice", put("ec.pem", lambda s: s.ec_key + s.ec_chain + s.ec_chain)),
    fine(
        "wrapped, and encrypt besides",
        master("-o smtpd_tls_wrappermode=yes", "-o smtpd_tls_wrappermode=yes\n  -o smtpd_tls_security_level=encrypt"),
    ),
    said(
        "protocols as older guides exclude them",
        smtp_tls_protocols="!SSLv2, !SSLv3",
        smtp_tls_mandatory_protocols="!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        smtpd_tls_mandatory_protocols="TLSv1.2 TLSv1.3",
    ),
    said("grades of the past", smtp_tls_ciphers="low", smtpd_tls_ciphers="export", smtp_tls_mandatory_ciphers="high"),
    rows(
        "answers with lists in them",
        "a.example 450 4.7.1 later",
        "b.example 12345",
        "c.example RELAY",
        "d.example permit_sasl_authenticated, reject_plaintext_session",
        "e.example check_client_access cidr:/dev/null",
        "f.example reject_unverified_sender",
        "g.example permit_auth_destination",
        "user@ REJECT",
        "h.example warn_if_reject reject_plaintext_session",
        to="senders",
    ),
    said(
        "words of local(8)",
        mailbox_delivery_lock="fcntl, dotlock",
        virtual_mailbox_lock="fcntl",
        allow_mail_to_commands="alias, forward, include",
        allow_mail_to_files="alias,forward",
        home_mailbox="Maildir/",
        mail_spool_directory="/var/mail",
        forward_path="$home/.forward${recipient_delimiter}${extension}, $home/.forward",
    ),
    said(
        "mailboxes by dovecot",
        mailbox_transport="lmtp:unix:private/dovecot-lmtp",
        virtual_transport="lmtp:inet:127.0.0.1:24",
    ),
    said("delivery by a shell command", mailbox_command='exec cat >/dev/null; exit "$?"'),
    said(
        "whose headers are rewritten",
        local_header_rewrite_clients="permit_mynetworks, permit_sasl_authenticated, check_address_map inline:{{192.0.2.1=OK}}",
    ),
    said("a policy service may be away", smtpd_policy_service_default_action="DUNNO"),
    said("a policy service's absence in words", smtpd_policy_service_default_action="451 4.3.5 Policy is down"),
    said("filters see what Postfix writes", internal_mail_filter_classes="bounce, notify"),
    said("what is expanded in replies", smtpd_expansion_filter="abcdefghijklmnopqrstuvwxyz.-"),
    said("digests of TLSA records", tls_dane_digests="sha512, sha256=1"),
    said("greeting by address", smtp_helo_name="[192.0.2.1]", lmtp_lhlo_name="$myhostname"),
    said("users by number", virtual_uid_maps="static:5000", virtual_gid_maps="static:5000", virtual_minimum_uid="1000"),
    said("port by name", smtp_tcp_port="smtp"),
    said("port of lmtp", lmtp_tcp_port="2003"),
    said(
        "aliases of every kind",
        alias_maps="inline:{{a=b}}, proxy:texthash:/dev/null",
        header_checks="inline:{{a=DUNNO}}",
    ),
    said("verification by another host", address_verify_relayhost="[mx.example.org]:587", address_verify_sender=""),
    said(
        "routes by sender",
        sender_dependent_default_transport_maps="inline:{{a@example.org=smtp:[relay.example.org]:587}}",
        sender_dependent_relayhost_maps="texthash:/dev/null",
    ),
    said(
        "limits of transports",
        smtp_destination_rate_delay="1s",
        relay_destination_concurrency_limit="5",
        local_destination_recipient_limit="300",
        smtp_transport_rate_delay="0",
        default_destination_concurrency_negative_feedback="1/5",
        smtp_destination_concurrency_positive_feedback="1/concurrency",
        maildrop_destination_recipient_limit="1",
        policy_time_limit="3600",
    ),
    fine(
        "delivery by maildrop, to users nobody is yet",
        append(
            "maildrop unix - n n - - pipe\n  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}\n",
            "master.cf",
        ),
    ),
)
