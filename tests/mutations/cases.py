"""The mutations: one small change each of a configuration that works."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from reconciler.postfix import main_cf
from tests.mutations.site import NAME, POLICY, SENDERS, Site, certificate, key, pem

Files = Mapping[str, bytes | None]


@dataclass(frozen=True)
class Mutation:
    """`files` gives the new bytes by name below the configuration directory; None removes. `tables` are compiled."""

    kind: str
    name: str
    files: Callable[[Site], Files]
    harmful: bool = True
    tables: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def main(**parameters: str | None) -> Callable[[Site], Files]:
    def files(site: Site) -> Files:
        document = main_cf.parse(site.read("main.cf"))
        for name, value in parameters.items():
            text = None if value is None else value.replace("ETC", site.etc).encode()
            document = document.unset(name.encode()) if text is None else document.set(name.encode(), text)
        return {"main.cf": document.render()}

    return files


def append(text: str, to: str = "main.cf") -> Callable[[Site], Files]:
    return lambda site: {to: site.read(to) + text.encode()}


def master(old: str, new: str) -> Callable[[Site], Files]:
    """Replace text of master.cf; `SUBMISSION` and `SUBMISSIONS` are the ports."""

    def files(site: Site) -> Files:
        ports = {
            "SUBMISSIONS": str(site.submissions),
            "SUBMISSION": str(site.submission),
            "MX": str(site.instance.smtpd_port),
        }
        words = [old, new]
        for name, port in ports.items():
            words = [it.replace(name, port) for it in words]
        text = site.read("master.cf").decode()
        assert words[0] in text, words[0]
        return {"master.cf": text.replace(words[0], words[1], 1).encode()}

    return files


def column(service: str, at: int, value: str) -> Callable[[Site], Files]:
    """One field of a service's line."""

    def files(site: Site) -> Files:
        ports = {"SUBMISSION": site.submission, "SUBMISSIONS": site.submissions, "MX": site.instance.smtpd_port}
        wanted = str(ports.get(service, service))
        lines = site.read("master.cf").decode().split("\n")
        for number, line in enumerate(lines):
            fields = line.split()
            if fields and not line.startswith(("#", " ")) and fields[0].rpartition(":")[2] == wanted:
                fields[at] = value
                lines[number] = " ".join(fields)
                break
        else:
            raise AssertionError(service)
        return {"master.cf": "\n".join(lines).encode()}

    return files


def put(name: str, content: Callable[[Site], bytes | None]) -> Callable[[Site], Files]:
    return lambda site: {name: content(site)}


def _chain(**options) -> Callable[[Site], bytes]:
    def content(_: Site) -> bytes:
        secret = key("rsa")
        return pem(secret) + certificate(secret, NAME, **options)

    return content


def _weak(_: Site) -> bytes:
    secret = key("rsa", 1024)
    return pem(secret) + certificate(secret, NAME)


def _foreign(_: Site) -> bytes:
    secret = key("rsa")
    return pem(secret) + certificate(secret, "www.elsewhere.example")


def _encrypted(site: Site) -> bytes:
    secret = key("rsa")
    return pem(secret, b"passphrase") + certificate(secret, NAME)


def _purpose(purpose: x509.ObjectIdentifier) -> Callable[[Site], bytes]:
    return _chain(purpose=purpose)


_TWICE = "127.0.0.1:10025 inet n - n - - smtpd\nlocalhost:10025 inet n - n - - smtpd\n"
_TAKEN: list[socket.socket] = []


def _taken(site: Site) -> Files:
    """A listener on a port that this very process holds."""
    if not _TAKEN:
        _TAKEN.append(socket.create_server(("127.0.0.1", 0)))
    port = _TAKEN[0].getsockname()[1]
    return {"master.cf": site.read("master.cf") + f"127.0.0.1:{port} inet n - n - - smtpd\n".encode()}


def _free(site: Site) -> Files:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return {"master.cf": site.read("master.cf") + f"127.0.0.1:{port} inet n - n - - smtpd\n".encode()}


def _compiled(name: str, how: Callable[[bytes], bytes]) -> Callable[[Site], Files]:
    return lambda site: {name: how(site.read(name))}


HARMFUL = (
    Mutation("level", "smtpd: encryp", main(smtpd_tls_security_level="encryp")),
    Mutation("level", "smtp: encryp", main(smtp_tls_security_level="encryp")),
    Mutation("level", "smtp: a yes", main(smtp_tls_security_level="yes")),
    Mutation(
        "level",
        "option of submission misspelt",
        master("smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=encrpyt"),
    ),
    Mutation("level", "smtp option of one client", column("relay", 7, "smtp -o smtp_tls_security_level=mya")),
    Mutation("type", "bool: maybe", main(smtpd_tls_auth_only="maybe")),
    Mutation("type", "bool: true", main(smtpd_tls_received_header="true")),
    Mutation("type", "bool of smtp: 1", main(smtp_tls_note_starttls_offer="1")),
    Mutation("type", "time: 10q", main(smtpd_starttls_timeout="10q")),
    Mutation("type", "time of smtp: ten", main(smtp_starttls_timeout="ten")),
    Mutation("type", "time: -1s", main(smtpd_timeout="-1s")),
    Mutation("type", "integer: many", main(smtpd_tls_ccert_verifydepth="many")),
    Mutation("type", "integer of smtp: 9x", main(smtp_tls_scert_verifydepth="9x")),
    Mutation("type", "throttle time: 10q", main(service_throttle_time="10q")),
    Mutation("type", "process limit: x", main(default_process_limit="x")),
    Mutation("type", "unterminated ${", main(myorigin="${mydomain")),
    Mutation("type", "a line without =", append("smtpd_tls_loglevel 1\n")),
    Mutation("certificate", "chain file missing", main(smtpd_tls_chain_files="/nonexistent.pem")),
    Mutation("certificate", "no chain at all", main(smtpd_tls_chain_files=None)),
    Mutation("certificate", "chain file a directory", main(smtpd_tls_chain_files="/etc")),
    Mutation("certificate", "expired", put("rsa.pem", _chain(begins=-90, ends=-1))),
    Mutation("certificate", "not yet valid", put("rsa.pem", _chain(begins=3, ends=90))),
    Mutation("certificate", "for another name", put("rsa.pem", _foreign)),
    Mutation("certificate", "truncated", put("rsa.pem", lambda s: s.rsa_key + s.rsa_chain[:400])),
    Mutation(
        "certificate",
        "garbage inside",
        put("rsa.pem", lambda s: s.rsa_key + s.rsa_chain.replace(s.rsa_chain[200:216], b"A" * 16)),
    ),
    Mutation("certificate", "empty file", put("rsa.pem", lambda s: b"")),
    Mutation("certificate", "an HTML page", put("rsa.pem", lambda s: b"<html>404</html>\n")),
    Mutation(
        "certificate", "legacy pair missing", main(smtpd_tls_chain_files=None, smtpd_tls_cert_file="/nonexistent.pem")
    ),
    Mutation("key", "of another certificate", put("rsa.pem", lambda s: pem(key("rsa")) + s.rsa_chain)),
    Mutation("key", "behind the certificate", put("rsa.pem", lambda s: s.rsa_chain + s.rsa_key)),
    Mutation("key", "encrypted", put("rsa.pem", _encrypted)),
    Mutation("key", "absent", put("rsa.pem", lambda s: s.rsa_chain)),
    Mutation("key", "alone", put("rsa.pem", lambda s: s.rsa_key)),
    Mutation(
        "key", "RSA of 1024 bits", lambda s: {"rsa.pem": _weak(s), **main(smtpd_tls_chain_files="ETC/rsa.pem")(s)}
    ),
    Mutation("key", "truncated", put("ec.pem", lambda s: s.ec_key[:120] + b"\n" + s.ec_chain)),
    Mutation(
        "key",
        "legacy key_file of another",
        lambda s: {
            **main(smtpd_tls_chain_files=None, smtpd_tls_cert_file="ETC/rsa.pem", smtpd_tls_key_file="ETC/ec.pem")(s)
        },
    ),
    Mutation("chain", "file removed under the reference", put("ec.pem", lambda s: None)),
    Mutation("chain", "second file missing", main(smtpd_tls_chain_files="ETC/rsa.pem, ETC/gone.pem")),
    Mutation("chain", "leaf behind a stranger", put("rsa.pem", lambda s: s.rsa_key + s.ec_chain + s.rsa_chain)),
    Mutation("chain", "client chain missing", main(smtp_tls_chain_files="/nonexistent.pem")),
    Mutation("authorities", "smtp_tls_CAfile missing", main(smtp_tls_CAfile="/nonexistent.pem")),
    Mutation("authorities", "smtpd_tls_CAfile missing", main(smtpd_tls_CAfile="/nonexistent.pem")),
    Mutation("authorities", "smtp_tls_CAfile empty", put("ca.pem", lambda s: b"")),
    Mutation("protocols", ">=TLSv9", main(smtpd_tls_protocols=">=TLSv9")),
    Mutation(
        "protocols", "none left", main(smtpd_tls_protocols="!SSLv2, !SSLv3, !TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3")
    ),
    Mutation(
        "protocols", "mandatory: none left", main(smtpd_tls_mandatory_protocols="!TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3")
    ),
    Mutation("protocols", "smtp: !FOO", main(smtp_tls_protocols="!FOO")),
    Mutation("ciphers", "grade of smtpd", main(smtpd_tls_ciphers="higher")),
    Mutation("ciphers", "mandatory grade of smtpd", main(smtpd_tls_mandatory_ciphers="strong")),
    Mutation("ciphers", "grade of smtp", main(smtp_tls_ciphers="best")),
    Mutation("ciphers", "all excluded", main(smtpd_tls_exclude_ciphers="ALL", smtpd_tls_protocols="TLSv1.2")),
    Mutation("ciphers", "curve nobody knows", main(tls_eecdh_auto_curves="P-nonsense")),
    Mutation("table", "policy table missing", main(smtp_tls_policy_maps="hash:/nonexistent")),
    Mutation("table", "access table missing", main(smtpd_sender_restrictions="check_sender_access hash:/nonexistent")),
    Mutation("table", "SNI table missing", main(tls_server_sni_maps="hash:/nonexistent")),
    Mutation("table", "type unknown", main(smtp_tls_policy_maps="hush:ETC/policy")),
    Mutation("table", "type not built", main(smtp_tls_policy_maps="lmdb:ETC/policy")),
    Mutation("table", "policy emptied", put("policy", lambda s: b""), tables={"policy": "hash"}),
    Mutation("table", "access emptied", put("senders", lambda s: b""), tables={"senders": "hash"}),
    Mutation("table", "changed and not compiled", put("policy", lambda s: POLICY + b"more.example encrypt\n")),
    Mutation("table", "truncated row", put("policy", lambda s: POLICY + b"more.example\n"), tables={"policy": "hash"}),
    Mutation(
        "table",
        "policy level unknown",
        put("policy", lambda s: POLICY.replace(b"bank.example encrypt", b"bank.example encript")),
        tables={"policy": "hash"},
    ),
    Mutation(
        "table",
        "policy attribute unknown",
        put("policy", lambda s: POLICY + b"more.example encrypt protocol=TLSv1.2\n"),
        tables={"policy": "hash"},
    ),
    Mutation(
        "table",
        "access action unknown",
        put("senders", lambda s: SENDERS + b"other.example reject_plaintext_sesion\n"),
        tables={"senders": "hash"},
    ),
    Mutation("table", "compiled is garbage", put("policy.db", lambda s: b"garbage" * 100)),
    Mutation("table", "compiled is empty", put("senders.db", lambda s: b"")),
    Mutation("table", "compiled is truncated", _compiled("policy.db", lambda b: b[: len(b) // 3])),
    Mutation("table", "compiled is another's", lambda s: {"policy.db": s.read("senders.db")}),
    Mutation("table", "compiled is removed", put("policy.db", lambda s: None)),
    Mutation("table", "source removed under the reference", lambda s: {"policy": None, "policy.db": None}),
    Mutation(
        "table",
        "SNI names a file that is not there",
        put("sni", lambda s: b"mail.customer.example /nonexistent.pem\n"),
        tables={"sni": "hash"},
    ),
    Mutation("master.cf", "bad type", column("SUBMISSION", 1, "inett")),
    Mutation(
        "master.cf",
        "too few fields",
        master("127.0.0.1:SUBMISSION inet n - n - - smtpd", "127.0.0.1:SUBMISSION inet n - n - smtpd"),
    ),
    Mutation("master.cf", "process limit x", column("cleanup", 6, "x")),
    Mutation("master.cf", "wakeup x", column("pickup", 5, "x")),
    Mutation("master.cf", "chroot z", column("cleanup", 4, "z")),
    Mutation("master.cf", "private inet", column("SUBMISSION", 2, "y")),
    Mutation("master.cf", "indented first line", lambda s: {"master.cf": b"  -o a=b\n" + s.read("master.cf")}),
    Mutation("master.cf", "unknown command", column("SUBMISSION", 7, "smtpdd")),
    Mutation("master.cf", "no qmgr", master("qmgr                   unix", "#qmgr unix")),
    Mutation("master.cf", "no cleanup", master("cleanup                unix", "#cleanup unix")),
    Mutation("master.cf", "no rewrite", master("rewrite                unix", "#rewrite unix")),
    Mutation("master.cf", "no smtp client", master("smtp                   unix", "#smtp unix")),
    Mutation("master.cf", "no tlsmgr", master("tlsmgr                 unix", "#tlsmgr unix")),
    Mutation("master.cf", "empty", put("master.cf", lambda s: b"")),
    Mutation("master.cf", "option without a value", master("smtpd_tls_wrappermode=yes", "smtpd_tls_wrappermode")),
    Mutation(
        "master.cf", "option split by a space", master("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable = yes")
    ),
    Mutation("master.cf", "cleanup unable to run", column("cleanup", 7, "smtpd")),
    Mutation("main.cf", "empty", put("main.cf", lambda s: b"")),
    Mutation("main.cf", "byte order mark", lambda s: {"main.cf": b"\xef\xbb\xbf" + s.read("main.cf")}),
    Mutation("port", "taken by another program", _taken),
    Mutation("port", "service name nobody knows", append("smtp-tls-alt inet n - n - - smtpd\n", "master.cf")),
    Mutation("port", "out of range", append("127.0.0.1:99999 inet n - n - - smtpd\n", "master.cf")),
    Mutation("port", "address of another host", append("192.0.2.77:2525 inet n - n - - smtpd\n", "master.cf")),
    Mutation("port", "host name nobody knows", append("nobody.invalid:2525 inet n - n - - smtpd\n", "master.cf")),
    Mutation("sasl", "type unknown", main(smtpd_sasl_type="dovecott")),
    Mutation("sasl", "path without a socket", main(smtpd_sasl_path="private/nobody")),
    Mutation("sasl", "type cyrus without a configuration", main(smtpd_sasl_type="cyrus", smtpd_sasl_path="nothing")),
    Mutation(
        "sasl",
        "no mechanism left",
        main(
            smtpd_sasl_security_options="noanonymous, noplaintext",
            smtpd_sasl_tls_security_options="noanonymous, noplaintext",
        ),
    ),
    Mutation("sasl", "security option unknown", main(smtpd_sasl_security_options="noanonimous")),
    Mutation("listener", "MX speaks TLS from the first byte", column("MX", 7, "smtpd -o smtpd_tls_wrappermode=ja")),
    Mutation("listener", "restriction unknown", main(smtpd_sender_restrictions="reject_plaintxt_session")),
    Mutation("listener", "TLS from the first byte for all", main(smtpd_tls_wrappermode="yes")),
    Mutation("listener", "every client refused", main(smtpd_client_restrictions="reject")),
    Mutation("listener", "every recipient deferred", main(smtpd_recipient_restrictions="defer, permit_mynetworks")),
    Mutation(
        "listener",
        "clients without certificates refused",
        main(smtpd_tls_req_ccert="yes", smtpd_tls_security_level="encrypt"),
    ),
    Mutation("listener", "nothing keeps it from relaying", main(smtpd_relay_restrictions="")),
    Mutation("sasl", "login required and switched off", master("auth_enable=yes", "auth_enable=no")),
    Mutation("sasl", "login required and hidden", main(smtpd_discard_ehlo_keywords="auth")),
    Mutation("certificate", "for clients only", put("rsa.pem", _purpose(ExtendedKeyUsageOID.CLIENT_AUTH))),
    Mutation("ciphers", "smtp: all excluded", main(smtp_tls_exclude_ciphers="ALL")),
    Mutation("ciphers", "smtp: all excluded where TLS must be", main(smtp_tls_mandatory_exclude_ciphers="ALL")),
    Mutation("protocols", "smtp: none left", main(smtp_tls_protocols="!TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3")),
    Mutation(
        "level", "smtp: TLS from the first byte", main(smtp_tls_wrappermode="yes", smtp_tls_security_level="encrypt")
    ),
    Mutation("level", "smtp: fingerprint without one", main(smtp_tls_security_level="fingerprint")),
    Mutation("level", "smtp: dane without DNSSEC", main(smtp_tls_security_level="dane")),
    Mutation("type", "TLS option nobody knows", main(tls_ssl_options="NONSENSE")),
    Mutation("type", "digest nobody knows", main(smtp_tls_fingerprint_digest="md99")),
    Mutation("type", "a name of itself", main(smtpd_tls_chain_files="$smtpd_tls_chain_files")),
    Mutation("port", "two services on one", append(_TWICE, "master.cf")),
    Mutation("table", "transport table missing", main(transport_maps="hash:/nonexistent")),
    Mutation("table", "cache of a type nobody knows", main(smtpd_tls_session_cache_database="hush:x")),
    Mutation("master.cf", "no postlogd", master("postlog                unix-dgram", "#postlog unix-dgram")),
    Mutation("master.cf", "no bounce", master("bounce                 unix", "#bounce unix")),
    Mutation("main.cf", "another queue", main(queue_directory="/nonexistent/queue")),
    Mutation("main.cf", "no source of chance", main(tls_random_source="dev:/nonexistent")),
)
HARMLESS = (
    Mutation("harmless", "a comment", append("# a comment\n"), harmful=False),
    Mutation("harmless", "a duplicate that says the same", append("smtpd_tls_loglevel = 1\n"), harmful=False),
    Mutation("harmless", "a parameter nobody knows", append("my_own_name = x\n"), harmful=False),
    Mutation("harmless", "log level", main(smtpd_tls_loglevel="0", smtp_tls_loglevel="0"), harmful=False),
    Mutation("harmless", "cipher grade high", main(smtpd_tls_ciphers="high"), harmful=False),
    Mutation(
        "harmless", "old protocol syntax", main(smtpd_tls_protocols="!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"), harmful=False
    ),
    Mutation("harmless", "a level in capitals", main(smtp_tls_security_level="MAY"), harmful=False),
    Mutation("harmless", "smtp: encrypt", main(smtp_tls_security_level="encrypt"), harmful=False),
    Mutation("harmless", "smtp: verify", main(smtp_tls_security_level="verify"), harmful=False),
    Mutation(
        "harmless",
        "smtp: dane",
        main(smtp_tls_security_level="dane", smtp_dns_support_level="dnssec", smtp_host_lookup="dns"),
        harmful=False,
    ),
    Mutation("harmless", "a time in minutes", main(smtpd_starttls_timeout="5m"), harmful=False),
    Mutation("harmless", "the other chain alone", main(smtpd_tls_chain_files="ETC/ec.pem"), harmful=False),
    Mutation("harmless", "a renewed certificate", put("rsa.pem", _chain()), harmful=False),
    Mutation(
        "harmless",
        "the older pair",
        main(smtpd_tls_chain_files=None, smtpd_tls_cert_file="ETC/rsa.pem", smtpd_tls_key_file="ETC/rsa.pem"),
        harmful=False,
    ),
    Mutation(
        "harmless",
        "a policy row more",
        put("policy", lambda s: POLICY + b"more.example may\n"),
        harmful=False,
        tables={"policy": "hash"},
    ),
    Mutation(
        "harmless",
        "a policy row less",
        put("policy", lambda s: POLICY.partition(b"\n")[2]),
        harmful=False,
        tables={"policy": "hash"},
    ),
    Mutation(
        "harmless", "policy table through proxymap", main(smtp_tls_policy_maps="proxy:hash:ETC/policy"), harmful=False
    ),
    Mutation(
        "harmless",
        "policy table as lmdb",
        lambda s: {**main(smtp_tls_policy_maps="lmdb:ETC/policy")(s), "policy": POLICY + b"# lmdb\n"},
        harmful=False,
        tables={"policy": "lmdb"},
    ),
    Mutation("harmless", "policy table as texthash", main(smtp_tls_policy_maps="texthash:ETC/policy"), harmful=False),
    Mutation(
        "harmless", "for servers, it says", put("rsa.pem", _purpose(ExtendedKeyUsageOID.SERVER_AUTH)), harmful=False
    ),
    Mutation(
        "harmless", "a cache that cannot be kept", main(smtp_tls_session_cache_database="btree:/no/s"), harmful=False
    ),
    Mutation("harmless", "no SNI table", main(tls_server_sni_maps=None), harmful=False),
    Mutation("harmless", "chroot y", column("SUBMISSION", 4, "y"), harmful=False),
    Mutation("harmless", "process limit 20", column("SUBMISSION", 6, "20"), harmful=False),
    Mutation("harmless", "another listener", _free, harmful=False),
    Mutation(
        "harmless",
        "options in braces",
        master("-o smtpd_tls_wrappermode=yes", "-o { smtpd_tls_wrappermode = yes }"),
        harmful=False,
    ),
    Mutation("harmless", "-v", column("SUBMISSION", 7, "smtpd -v"), harmful=False),
    Mutation("harmless", "another banner", main(smtpd_banner="$myhostname ESMTP mail"), harmful=False),
    Mutation(
        "harmless",
        "a milter that is not there",
        main(smtpd_milters="inet:127.0.0.1:9", milter_default_action="accept"),
        harmful=False,
    ),
    Mutation("harmless", "CRLF", lambda s: {"main.cf": s.read("main.cf").replace(b"\n", b"\r\n")}, harmful=False),
)
