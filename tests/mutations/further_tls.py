"""Further harmful mutations: levels, values, certificates, names, authorities, protocols, ciphers and tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tests.mutations.cases import Files, Mutation, main, master, put
from tests.mutations.site import NAME, POLICY, SENDERS, Site, certificate, key, pem

Change = Callable[[Site], Files]


def _policy(*rows: str) -> Change:
    text = "".join(f"{row}\n" for row in rows).encode()
    return put("policy", lambda s: POLICY + text)


def _senders(*rows: str) -> Change:
    text = "".join(f"{row}\n" for row in rows).encode()
    return put("senders", lambda s: SENDERS + text)


def row(name: str, *rows: str) -> Mutation:
    """Rows more in the policy table."""
    return Mutation("policy", name, _policy(*rows), tables={"policy": "hash"})


def access(name: str, *rows: str) -> Mutation:
    """Rows more in the access table."""
    return Mutation("access", name, _senders(*rows), tables={"senders": "hash"})


def value(kind: str, name: str, **parameters: str | None) -> Mutation:
    return Mutation(kind, name, main(**parameters))


def _sni(name: str, chain, rows: str = "mail.customer.example") -> Mutation:
    """A row of the SNI table whose file is another."""

    def files(site: Site):
        return {
            "bad.pem": chain(site),
            "sni": f"mail.customer.example {site.etc}/customer.pem\n".encode() * (rows != "mail.customer.example")
            + f"{rows} {site.etc}/bad.pem\n".encode(),
        }

    return Mutation("names", name, files, tables={"sni": "hash"})


def _own(*names: str, **options):
    def content(_: Site) -> bytes:
        secret = key("ec")
        return pem(secret) + certificate(secret, *names, **options)

    return content


def _strange_curve(_: Site) -> bytes:
    secret = ec.generate_private_key(ec.SECP256K1())
    return pem(secret) + certificate(secret, NAME)


def _fifth(site: Site):
    """Four good names, and a fifth whose key is another's."""
    good = "".join(f"n{at}.customer.example {site.etc}/customer.pem\n" for at in range(4))
    return {
        "bad.pem": pem(key("ec")) + site.ec_chain,
        "sni": (good + f"n5.customer.example {site.etc}/bad.pem\n").encode(),
    }


def _without_files(site: Site):
    """Compiled as an ordinary table: it holds paths where it should hold what is in the files."""
    made = Path(site.etc, "scratch-sni")
    made.write_bytes(site.read("sni") + b"other.customer.example /etc/hostname\n")
    site.instance.postfix.build("hash", str(made))
    content = Path(f"{made}.db").read_bytes()
    for path in (made, Path(f"{made}.db")):
        path.unlink()
    return {"sni.db": content}


FURTHER_TLS = (
    value("level", "smtpd: two words", smtpd_tls_security_level="may encrypt"),
    value("level", "smtpd: a level of clients", smtpd_tls_security_level="verify"),
    value("level", "smtpd: with a comment behind", smtpd_tls_security_level="may # opportunistic"),
    value("level", "smtpd: in quotes", smtpd_tls_security_level='"may"'),
    value("level", "smtpd: a name that is not set", smtpd_tls_security_level="$tls_level_of_ours"),
    value("level", "smtp: a name that is not set", smtp_tls_security_level="${tls_level_of_ours}"),
    value("level", "smtp: a list", smtp_tls_security_level="may, encrypt"),
    value("level", "smtp: dane-only without DNSSEC", smtp_tls_security_level="dane-only"),
    value("level", "smtp: half a level", smtp_tls_security_level="halfdane"),
    value("level", "smtp: policy for insecure MX", smtp_tls_dane_insecure_mx_policy="maybe"),
    value("level", "lmtp: unknown", lmtp_tls_security_level="bogus"),
    value("level", "smtp: connections kept, and nobody keeps them", smtp_tls_connection_reuse="yes"),
    value("level", "smtp: secure without authorities", smtp_tls_security_level="secure", smtp_tls_CAfile=None),
    Mutation(
        "level",
        "submission: a name that is not set",
        master("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=$tls_level_of_ours"),
    ),
    Mutation(
        "level", "submission: the option misspelt", master("smtpd_tls_security_level=", "smtpd_tls_securty_level=")
    ),
    value("name", "policy maps misspelt", smtp_tls_policy_maps=None, smtp_tls_policy_map="hash:ETC/policy"),
    value("name", "SASL switch misspelt", smtpd_sasl_type=None, smtpd_sasl_typ="dovecot"),
    value("name", "protocols misspelt", smtpd_tls_protocols=None, smtpd_tls_protocol=">=TLSv1.2"),
    value("type", "session cache timeout: 1x", smtpd_tls_session_cache_timeout="1x"),
    value("type", "session cache timeout of smtp: -5", smtp_tls_session_cache_timeout="-5"),
    value("type", "random bytes: lots", tls_daemon_random_bytes="lots"),
    value("type", "reseed period: never", tls_random_reseed_period="never"),
    value("type", "message size: 50M", message_size_limit="50M"),
    value("type", "message larger than a mailbox", message_size_limit="104857600"),
    value("type", "room in the queue that no disk has", queue_minfree="4000000000000000"),
    value("type", "recipient limit: 0", smtpd_recipient_limit="0"),
    value("type", "connection rate: x", smtpd_client_connection_rate_limit="x"),
    value("type", "process limit: -3", default_process_limit="-3"),
    value("type", "in_flow_delay: 10q", in_flow_delay="10q"),
    value("type", "notify_classes: unknown", notify_classes="resource, tls"),
    value("type", "multi_instance_enable: maybe", multi_instance_enable="maybe"),
    value("type", "session ticket cipher", tls_session_ticket_cipher="rot13"),
    value("type", "workaround nobody knows", tls_disable_workarounds="NONSENSE"),
    value("type", "smtputf8: perhaps", smtputf8_enable="perhaps"),
    value("type", "compatibility_level: 3.6x", compatibility_level="3.6x"),
    value("type", "soft_bounce: maybe", soft_bounce="maybe"),
    value("type", "two names of each other", myhostname="mx1.$mydomain", mydomain="$myhostname"),
    value("type", "no-break space", smtpd_tls_security_level="\u00a0may"),
    value("type", "level with a semicolon", smtp_tls_security_level="may;"),
    Mutation("certificate", "on a curve that TLS 1.3 has not", lambda s: {
        "rsa.pem": _strange_curve(s), **main(smtpd_tls_chain_files="ETC/rsa.pem")(s)}),
    Mutation("certificate", "PEM blocks run together",
             put("rsa.pem", lambda s: s.rsa_key.rstrip(b"\n") + s.rsa_chain)),
    Mutation("certificate", "as DER", put("ec.pem", lambda s: b"0\x82\x01\x00" + s.ec_chain[40:300])),
    Mutation("certificate", "of submission missing",
             master("smtpd_tls_security_level=encrypt",
                    "smtpd_tls_security_level=encrypt\n  -o smtpd_tls_chain_files=/nonexistent.pem")),
    Mutation("certificate", "older pair: certificate expired", lambda s: {
        "old.pem": _own(NAME, begins=-90, ends=-1)(s),
        **main(smtpd_tls_chain_files=None, smtpd_tls_cert_file="ETC/old.pem", smtpd_tls_key_file="ETC/old.pem")(s)}),
    Mutation("certificate", "older EC pair: of another", lambda s: {
        **main(smtpd_tls_chain_files=None, smtpd_tls_cert_file="ETC/rsa.pem",
               smtpd_tls_eccert_file="ETC/ec.pem", smtpd_tls_eckey_file="ETC/customer.pem")(s)}),
    Mutation("certificate", "older pair: the certificate is none", lambda s: {
        **main(smtpd_tls_chain_files=None, smtpd_tls_cert_file="ETC/policy", smtpd_tls_key_file="ETC/rsa.pem")(s)}),
    _sni("expired", _own("mail.customer.example", begins=-90, ends=-1)),
    _sni("not yet valid", _own("mail.customer.example", begins=3, ends=90)),
    _sni("for another name", _own("www.elsewhere.example")),
    _sni("key of another", lambda s: pem(key("ec")) + s.ec_chain),
    _sni("key of another, for a whole domain", lambda s: pem(key("ec")) + s.ec_chain, ".customer.example"),
    _sni("key behind the certificate", lambda s: s.ec_chain + s.ec_key),
    _sni("no key", lambda s: s.ec_chain),
    Mutation("names", "the fifth row", _fifth, tables={"sni": "hash"}),
    Mutation("names", "compiled without its files", _without_files),
    value("names", "the table is an access table", tls_server_sni_maps="hash:ETC/senders"),
    value("authorities", "a file of something else", smtp_tls_CAfile="ETC/policy"),
    value("authorities", "smtp_tls_CAfile no longer named", smtp_tls_CAfile=None),
    Mutation("authorities", "all of them expired",
             put("ca.pem", lambda s: certificate(key("ec"), "old CA", begins=-90, ends=-1))),
    value("protocols", "smtp: mandatory: none left", smtp_tls_mandatory_protocols="!TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3"),
    value("protocols", "smtp: mandatory: a blank inside", smtp_tls_mandatory_protocols=">= TLSv1.2"),
    value("protocols", "smtp: mandatory: from above below", smtp_tls_mandatory_protocols=">=TLSv1.3, <=TLSv1.2"),
    value("protocols", "smtpd: semicolons", smtpd_tls_protocols="TLSv1.2;TLSv1.3"),
    Mutation("protocols", "submission: none left",
             master("smtpd_tls_security_level=encrypt",
                    "smtpd_tls_security_level=encrypt\n  -o { smtpd_tls_mandatory_protocols = <=SSLv3 }")),
    value("ciphers", "smtp: mandatory grade", smtp_tls_mandatory_ciphers="strong"),
    value("ciphers", "list of the grade", tls_medium_cipherlist="NONSENSE", smtpd_tls_protocols="TLSv1.2"),
    value("ciphers", "all of TLS 1.2 excluded by kind", smtpd_tls_protocols="TLSv1.2",
          smtpd_tls_exclude_ciphers="AES, CHACHA20, ARIA, CAMELLIA, 3DES, SEED"),
    value("ciphers", "list of mandatory grade", tls_high_cipherlist="NONSENSE", smtpd_tls_mandatory_ciphers="high",
          smtpd_tls_mandatory_protocols="TLSv1.2"),
    value("ciphers", "a DH file that is a certificate", smtpd_tls_dh1024_param_file="ETC/ca.pem",
          smtpd_tls_protocols="TLSv1.2", smtpd_tls_exclude_ciphers="kEECDH, kRSA, kPSK"),
    value("table", "the policies are an access table", smtp_tls_policy_maps="hash:ETC/senders"),
    value("table", "the access table is policies", smtpd_sender_restrictions="check_sender_access hash:ETC/policy"),
    value("table", "without a type", smtp_tls_policy_maps="ETC/policy"),
    value("table", "of another type that has the same file", smtp_tls_policy_maps="btree:ETC/policy"),
    value("table", "hash rows read as regexp", smtp_tls_policy_maps="regexp:ETC/policy"),
    value("table", "hash rows read as pcre", smtp_tls_policy_maps="pcre:ETC/policy"),
    value("table", "hash rows read as cidr", smtpd_sender_restrictions="check_client_access cidr:ETC/senders"),
    value("table", "the compiled file is named", smtp_tls_policy_maps="hash:ETC/policy.db"),
    value("table", "relative path", smtp_tls_policy_maps="hash:policy"),
    value("table", "second of two missing", smtp_tls_policy_maps="hash:ETC/policy, hash:ETC/gone"),
    value("table", "separated by a semicolon", smtp_tls_policy_maps="hash:ETC/policy;hash:ETC/senders"),
    value("table", "through proxymap, missing", smtp_tls_policy_maps="proxy:hash:ETC/gone"),
    value("table", "type that is not installed", virtual_alias_maps="ldap:/nonexistent.cf"),
    value("table", "policies of a type that is not installed", smtp_tls_policy_maps="mysql:ETC/policy.cf"),
    value("table", "header checks missing", header_checks="regexp:/nonexistent"),
    value("table", "list of a file that is not there", mydestination="$myhostname, /nonexistent/domains"),
    value("table", "networks of a file that is not there", mynetworks="/nonexistent/networks"),
    value("table", "sender logins missing", smtpd_sender_login_maps="hash:/nonexistent"),
    Mutation("table", "byte order mark", put("senders", lambda s: b"\xef\xbb\xbf" + SENDERS),
             tables={"senders": "hash"}),
    Mutation("table", "texthash with a byte order mark", lambda s: {
        **main(smtp_tls_policy_maps="texthash:ETC/policy")(s), "policy": b"\xef\xbb\xbf" + POLICY}),
    row("attribute of a later Postfix", "more.example encrypt enable_rpk=yes"),
    row("dane without DNSSEC", "more.example dane"),
    row("dane-only without DNSSEC", "more.example dane-only"),
    row("fingerprint without one", "more.example fingerprint"),
    row("fingerprint that is none", "more.example fingerprint match=AB:CD"),
    row("match where nothing is matched", "more.example encrypt match=nexthop"),
    row("protocols: none left", "more.example encrypt protocols=!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3"),
    row("a grade nobody knows", "more.example encrypt ciphers=hgih"),
    row("blanks around the equals sign", "more.example encrypt protocols = TLSv1.2"),
    row("an attribute twice", "more.example encrypt ciphers=high ciphers=medium"),
    row("authorities of a file that is not there", "more.example secure tafile=/nonexistent.pem"),
    row("all ciphers excluded", "more.example encrypt exclude=ALL"),
    row("with a comment behind", "more.example encrypt # since May"),
    access("letter O for zero", "other.example 55O go away"),
    access("table within, missing", "other.example check_client_access hash:/nonexistent"),
    access("filter without a destination", "other.example FILTER"),
    access("class that is not there", "other.example our_class"),
)  # fmt: skip
