"""reliability.md, "Bad input": values, TLS meaning and privilege, as far as validation without a host can see them.

Each is refused with one error, whose place and text are given whole. `{}` in a text is where the host file goes.
"""

from __future__ import annotations

import pytest

CERTIFICATE = "certificates: {default: {chain_files: [tls/mx.pem]}}\n"
INCOMING = CERTIFICATE + "incoming:\n  "
OUTGOING = "outgoing:\n  "
PARAMETERS = "parameters:\n  "
SASL = "sasl: {type: cyrus, path: smtpd}"
PROTOCOLS = PARAMETERS + "smtpd_tls_protocols: "

LEVELS = "write one of: none, may, encrypt"
GRADES = "write one of: null, export, low, medium, high"
VERSIONS = "write one of: SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"
TIMES = "write a number and one of the units s, m, h, d, w, such as 3600s"
REMOVE = "remove it; it stays with whoever keeps the rest of main.cf"
NOT_TO_SET = "not for a state repository to set, "


def hidden(char: str, at: int = 2, fix: str = "remove it") -> str:
    return f"2:24: parameters.smtpd_tls_protocols: the text holds {char} at character {at}; {fix}"


YAML = {
    "`no` as a level": (INCOMING + "security_level: no\n", f"3:19: incoming.security_level: 'no' is not a security level; {LEVELS} (did you mean 'none'?)"),
    "`off` as a level": (INCOMING + "security_level: off\n", f"3:19: incoming.security_level: 'off' is not a security level; {LEVELS}"),
    "`1:30` read as 90": (INCOMING + "session_cache_timeout: 1:30\n", f"3:26: incoming.session_cache_timeout: '1:30' is no time; {TIMES}"),
    "`0600` as 384": (INCOMING + "loglevel: 01\n", "3:13: incoming.loglevel: '01' begins with a zero; write 1"),
    "unknown field": (
        CERTIFICATE + "submission: {saasl: {type: cyrus, path: smtpd}, enabled: no}\n",
        "2:14: submission.saasl: there is no such key; did you mean 'sasl'? write one of: enabled, listen, security_level, sasl, protocols, ciphers, parameters",
    ),
    "unknown field at the top": (
        "incomming: {}\n",
        "1:1: incomming: there is no such key; did you mean 'incoming'? write one of: profile, enforce, observe, certificates, incoming, outgoing, submission, submissions, parameters, groups, waivers",
    ),
    "a parameter outside `parameters`": ("smtpd_tls_loglevel: 1\n", "1:1: smtpd_tls_loglevel: there is no such key; write it under 'parameters:'"),
    "a list for a value": (INCOMING + "security_level: [may]\n", "3:19: incoming.security_level: one value belongs here, not a list; write the value without '[', ']' and '-'"),
    "a value for a list": (INCOMING + "policies: {senders: a.example}\n", "3:23: incoming.policies.senders: a list belongs here; write [value, value]"),
    "a value for a section": (CERTIFICATE + "incoming: may\n", "2:11: incoming: keys belong below it; indent them under it: 'key: value'"),
    "a key without a value": (INCOMING + "security_level:\n", '3:3: incoming.security_level: there is no value; write one, or "" where it shall be empty, or remove the key'),
}  # fmt: skip

VALUES = {
    "newline": (PROTOCOLS + '"a\\nb"\n', hidden("U+000A (a line feed)", fix="write it on one line")),
    "newline + space (continuation)": (PROTOCOLS + '"a\\n b"\n', hidden("U+000A (a line feed)", fix="write it on one line")),
    "CR": (PROTOCOLS + '"a\\rb"\n', hidden("U+000D (a carriage return)")),
    "NUL": (PROTOCOLS + '"a\\0b"\n', hidden("U+0000 (NUL)")),
    "VT": (PROTOCOLS + '"a\\vb"\n', hidden("U+000B (a vertical tab)")),
    "FF": (PROTOCOLS + '"a\\fb"\n', hidden("U+000C (a form feed)")),
    "ESC": (PROTOCOLS + '"a\\eb"\n', hidden("U+001B (ESC)")),
    "NBSP": (PROTOCOLS + "a\u00a0b\n", hidden("U+00A0 (NO-BREAK SPACE)")),
    "zero-width": (PROTOCOLS + "ab\u200bc\n", hidden("U+200B (ZERO WIDTH SPACE)", at=3)),
    "RTL override": (PROTOCOLS + '"a\\u202Eb"\n', hidden("U+202E (RIGHT-TO-LEFT OVERRIDE)")),
    "homoglyph domain": (
        OUTGOING + "policies: {b\u0430nk.example: secure}\n",
        "2:14: outgoing.policies.b\u0430nk.example: 'b\u0430nk.example' holds characters outside ASCII; if that is meant, write its A-label 'xn--bnk-6cd.example'",
    ),
    "label too long": (
        INCOMING + f"policies: {{senders: [{'a' * 64}.example]}}\n",
        f"3:24: incoming.policies.senders[0]: the label {'a' * 20 + '…'!r} is 64 characters long; DNS allows 63",
    ),
    "${x unterminated": (PROTOCOLS + "${x\n", "2:24: parameters.smtpd_tls_protocols: '${' is not closed in '${x'; write the reference as ${name}, or the text without '$'"),
    "self-reference": (PROTOCOLS + "$smtpd_tls_protocols\n", "2:24: parameters.smtpd_tls_protocols: '$smtpd_tls_protocols' refers to itself; write the value out"),
    "leading #": (PROTOCOLS + '"#x"\n', "2:24: parameters.smtpd_tls_protocols: '#x' begins with '#', which begins a comment; remove it"),
    "a space that adds a policy attribute": (
        OUTGOING + "policies: {bank.example: secure match=a b}\n",
        "2:28: outgoing.policies.bank.example: 'b' is no attribute; after the level come name=value pairs without white space inside",
    ),
    ".. in a path": (OUTGOING + "ca_file: ../../etc/shadow\n", "2:12: outgoing.ca_file: '../../etc/shadow' climbs with '..'; write the path it leads to"),
    ".. in a chain file": (
        "certificates: {default: {chain_files: [tls/../../x.pem]}}\n",
        "1:40: certificates.default.chain_files[0]: 'tls/../../x.pem' climbs with '..'; write the path it leads to",
    ),
    ".. in a table": (INCOMING + "policies: {sender_table: ../x}\n", "3:28: incoming.policies.sender_table: '../x' climbs with '..'; write the path it leads to"),
    **{
        f"a reserved name for a table, {path}": (
            OUTGOING + f"policy_table: {path}\n",
            f"2:17: outgoing.policy_table: {path!r} is a name for another kind of file, which the table would overwrite; rename it",
        )
        for path in ("main.cf", "/etc/postfix/master.cf", "./x.cf", "a.db", "a.cdb", "a.lmdb", "main.cf.proto", "a.pem", "a.key", "postfix-script", "post-install", "postfix-files", "makedefs.out")
    },
    "a table among passwords": (
        INCOMING + "policies: {client_name_table: hash:sasl/x}\n",
        "3:33: incoming.policies.client_name_table: 'sasl/x' is below sasl/, where names and passwords are; write another path",
    ),
    "two tables in one file": (
        INCOMING + "policies: {senders: [a.example], clients: [b.example], sender_table: x, client_table: ./x}\n",
        "3:89: incoming.policies.client_table: ./x is the file of incoming.policies.sender_table too; write another path",
    ),
    "a table in the place of another's default": (
        INCOMING + "policies: {senders: [a.example]}\noutgoing: {policies: {b.example: may}, policy_table: tls_senders}\n",
        "4:54: outgoing.policy_table: tls_senders is the file of incoming.policies.sender_table too; write another path",
    ),
    "a table over a key": (
        OUTGOING + "policies: {b.example: may}\n  policy_table: tls/x\n  chain_files: [y, tls/x]\n",
        "3:17: outgoing.policy_table: tls/x is the file of outgoing.chain_files[1] too; write another path",
    ),
    "a chain file with the name of a table": (
        "certificates: {default: {chain_files: [tls_policy]}}\n" + OUTGOING + "policies: {b.example: may}\n",
        "1:40: outgoing.policy_table: tls_policy is the file of certificates.default.chain_files[0] too; write another path",
    ),
    "a blank in a path": (
        OUTGOING + "ca_file: /etc/ssl/my ca.pem\n",
        "2:12: outgoing.ca_file: '/etc/ssl/my ca.pem' holds a blank, comma, brace or quote, which end a path in Postfix's lists; rename the file",
    ),
}  # fmt: skip

TLS_MEANING = {
    "bad level": (INCOMING + "security_level: encrpyt\n", f"3:19: incoming.security_level: 'encrpyt' is not a security level; {LEVELS} (did you mean 'encrypt'?)"),
    "a level of the other side": (INCOMING + "security_level: dane\n", f"3:19: incoming.security_level: 'dane' is a level of the client side only; {LEVELS}"),
    ">=TLSv9": (INCOMING + 'protocols: ">=TLSv9"\n', f"3:14: incoming.protocols: '>=TLSv9' is not a TLS protocol; {VERSIONS} (did you mean 'TLSv1'?)"),
    "!FOO": (INCOMING + 'protocols: "!FOO"\n', f"3:14: incoming.protocols: '!FOO' is not a TLS protocol; {VERSIONS}"),
    "bad grade": (INCOMING + "ciphers: hihg\n", f"3:12: incoming.ciphers: 'hihg' is not a cipher grade; {GRADES} (did you mean 'high'?)"),
    "bad cipher list": (INCOMING + "exclude_ciphers: RC4;MD5\n", "3:20: incoming.exclude_ciphers: 'RC4;MD5' is no OpenSSL cipher name; write names such as aNULL, RC4, MD5"),
    "an empty level": (INCOMING + 'security_level: ""\n', "3:19: incoming.security_level: '' is no value for this place; write one of: none, may, encrypt"),
    "protocols that leave nothing": (
        INCOMING + 'protocols: "!TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3"\n',
        "3:14: incoming.protocols: '!TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3' leaves no version of TLS, so every handshake fails; write \">=TLSv1.2\"",
    ),
    "only SSLv3, as a parameter": (PARAMETERS + "smtp_tls_protocols: SSLv3\n", "2:23: parameters.smtp_tls_protocols: 'SSLv3' leaves no version of TLS, so every handshake fails; write \">=TLSv1.2\""),
    "a policy that leaves nothing": (
        OUTGOING + "policies: {a.example: 'encrypt protocols=SSLv3'}\n",
        "2:25: outgoing.policies.a.example: 'SSLv3' leaves no version of TLS, so every handshake fails; write \">=TLSv1.2\"",
    ),
    "no such port": (
        OUTGOING + "policies: {'[a.example]:70000': encrypt}\n",
        "2:14: outgoing.policies.[a.example]:70000: '[a.example]:70000': there is no port 70000; write 1 to 65535",
    ),
    "no fingerprint": (
        OUTGOING + "policies: {a.example: fingerprint match=AA:BB}\n",
        "2:25: outgoing.policies.a.example: 'AA:BB' is no fingerprint; write the digest as hex pairs with ':' between: AB:CD:…",
    ),
    "chain_files beside legacy files": (
        "certificates: {default: {chain_files: [a.pem], cert_file: b, key_file: c}}\n",
        "1:16: certificates.default: chain_files beside cert_file and key_file; keep exactly one of: chain_files, cert_file and key_file, certbot",
    ),
    "chain_files beside legacy parameters": (
        CERTIFICATE + PARAMETERS + "smtpd_tls_cert_file: /x.pem\n",
        "3:3: parameters.smtpd_tls_cert_file: the default certificate is declared already, at hosts/mx1.example.org.yaml:1:16 (host); keep one of them",
    ),
    "a certificate without its key": (
        "certificates: {default: {cert_file: b}}\n",
        "1:16: certificates.default: key_file is missing; write key_file, or chain_files with both in one file",
    ),
    "the older pair for a server name": (
        "certificates: {a.example: {cert_file: b, key_file: c}}\n",
        "1:16: certificates.a.example: cert_file and key_file are for 'default' only; write chain_files",
    ),
    "until_present with two files": (
        "certificates: {default: {chain_files: [a, b], until_present: self_signed}}\n",
        "1:62: certificates.default.until_present: there are 2 chain_files; name one file, or remove until_present",
    ),
    "until_present with one file for certificate and key": (
        "certificates: {default: {cert_file: a.pem, key_file: a.pem, until_present: self_signed}}\n",
        "1:54: certificates.default: cert_file and key_file are one file, a.pem; write chain_files with that one file",
    ),
    "too many days": ("certificates: {default: {chain_files: [a], until_present: {days: 826}}}\n", "1:66: certificates.default.until_present.days: 826 is out of range; write 1 to 825"),
    "encrypt without certificate": (
        "incoming: {security_level: encrypt}\n",
        "1:28: incoming.security_level: TLS is on, and no certificate is declared; write certificates.default, or 'default: unmanaged' there where something else manages it",
    ),
    "submission without certificate": (
        f"submission: {{{SASL}}}\n",
        "1:1: submission: TLS is on, and no certificate is declared; write certificates.default, or 'default: unmanaged' there where something else manages it",
    ),
    "`dane` without DNSSEC": (
        OUTGOING + "security_level: dane\nparameters: {smtp_dns_support_level: enabled}\n",
        "3:38: parameters.smtp_dns_support_level: 'enabled' without DNSSEC, and outgoing.security_level is dane; remove it: the level brings dnssec",
    ),
    "a `dane` policy without DNSSEC": (
        OUTGOING + "policies: {a.example: dane}\nparameters: {smtp_dns_support_level: enabled}\n",
        ("3:38: parameters.smtp_dns_support_level: 'enabled' without DNSSEC, and a policy is dane, at hosts/mx1.example.org.yaml:2:14 (host); "
        "remove it: the policy brings dnssec"),
    ),
    "wrappermode on 25": (
        CERTIFICATE + PARAMETERS + "smtpd_tls_wrappermode: yes\n",
        "3:3: parameters.smtpd_tls_wrappermode: wrappermode on port 25; remove it, and declare the service under 'submissions'",
    ),
    "submissions on 25": (
        CERTIFICATE + f"submissions: {{listen: '[::1]:25', {SASL}}}\n",
        "2:23: submissions.listen: '[::1]:25' is port 25, where other mail servers deliver without logging in; write the port of the clients",
    ),
    "submission in plaintext": (
        CERTIFICATE + f"submission: {{security_level: may, {SASL}}}\n",
        "2:30: submission.security_level: 'may' would let passwords travel in plaintext; write encrypt: authenticated clients only under TLS",
    ),
    "submission without SASL": (
        CERTIFICATE + "submission:\n",
        "2:1: submission.sasl is missing; write sasl: {type: dovecot, path: private/auth}, or {type: cyrus, path: smtpd}",
    ),
    **{
        f"a Dovecot socket elsewhere, {path}": (
            CERTIFICATE + f"submission: {{sasl: {{type: dovecot, path: '{path}'}}}}\n",
            f"2:42: submission.sasl.path: {path!r} is no socket below the queue directory; write a relative path, such as private/auth",
        )
        for path in ("inet:192.0.2.1:12345", "/var/run/auth", "unix:private/auth", "private//auth", "./auth")
    },
    "a Cyrus configuration elsewhere": (
        CERTIFICATE + "submissions: {enabled: no, sasl: {type: cyrus, path: sasl/smtpd}}\n",
        "2:54: submissions.sasl.path: 'sasl/smtpd' is no name of a Cyrus configuration; write a plain name, such as smtpd",
    ),
    "two services on one port": (
        CERTIFICATE + f"submission: {{{SASL}}}\nsubmissions: {{listen: 587, {SASL}}}\n",
        "3:23: submissions.listen: submission is what submission listens on; write another port",
    ),
    "anonymous logins": (
        CERTIFICATE + "submission: {sasl: {type: cyrus, path: smtpd, security_options: noplaintext}}\n",
        "2:65: submission.sasl.security_options: 'noplaintext' lets anybody log in without a name, and relay; add noanonymous",
    ),
    "bad digest": (
        PARAMETERS + "smtpd_tls_fingerprint_digest: sha3\n",
        "2:33: parameters.smtpd_tls_fingerprint_digest: 'sha3' is not a digest; write one of: md5, sha1, sha224, sha256, sha384, sha512 (did you mean 'sha384'?)",
    ),
    "bad bool": (INCOMING + "received_header: maybe\n", "3:20: incoming.received_header: 'maybe' is neither yes nor no; write yes or no"),
    "bad time": (INCOMING + "session_cache_timeout: 10q\n", f"3:26: incoming.session_cache_timeout: '10q' is no time; {TIMES}"),
    "bad int": (INCOMING + "loglevel: 5\n", "3:13: incoming.loglevel: 5 is no log level; write 0 (nothing) to 4 (every byte); 1 is the one for production"),
    "a network with host bits": (
        INCOMING + "policies: {clients: [192.0.2.1/24]}\n",
        "3:24: incoming.policies.clients[0]: '192.0.2.1/24' has host bits set, and Postfix would not load the table; write 192.0.2.0/24",
    ),
    "one destination twice": (
        OUTGOING + "policies: {A.example: may, a.example: encrypt}\n",
        "2:30: outgoing.policies.a.example: this destination has a policy already, at hosts/mx1.example.org.yaml:2:14 (host); keep one of them",
    ),
    "a parameter and its own key": (
        INCOMING + "loglevel: 1\nparameters: {smtpd_tls_loglevel: 2}\n",
        "4:34: parameters.smtpd_tls_loglevel: incoming sets it too, at hosts/mx1.example.org.yaml:3:13 (host); keep one of them",
    ),
    "TLS 1.3 alone where TLS is opportunistic": (
        "profile: modern\n" + CERTIFICATE + "incoming: {security_level: may}\noutgoing: {security_level: dane}\n",
        "1:10: profile: 'modern' allows TLS 1.3 alone, and incoming.security_level is may; choose intermediate, or write incoming.protocols: \">=TLSv1.2\"",
    ),
}  # fmt: skip

PRIVILEGE = {
    name: (
        PARAMETERS + f"{name}: x\n",
        f"2:3: parameters.{name}: {NOT_TO_SET}{reason}; {REMOVE}",
    )
    for name, reason in {
        "content_filter": "it sends mail elsewhere",
        "smtpd_milters": "it sends mail through another program",
        "non_smtpd_milters": "it sends mail through another program",
        "mailbox_command": "it names a program or a module that would be run",
        "local_transport": "it decides where mail goes",
        "default_transport": "it decides where mail goes",
        "mynetworks": "it says who may relay",
        "smtpd_relay_restrictions": "it keeps the host from being an open relay",
        "daemon_directory": "it names a program or a module that would be run",
        "command_directory": "it names a program or a module that would be run",
        "shlib_directory": "it names a program or a module that would be run",
        "debugger_command": "it names a program or a module that would be run",
        "import_environment": "it reaches into the environment of every daemon",
        "multi_instance_wrapper": "it names a program or a module that would be run",
        "maillog_file_compressor": "it names a program or a module that would be run",
        "queue_directory": "moving the queue loses mail",
        "data_directory": "it names files that daemons overwrite",
        "mail_owner": "it decides which user daemons run as",
        "always_bcc": "it copies every mail",
        "myhostname": "it is no TLS or SASL parameter of smtpd, smtp, lmtp, postscreen or tlsproxy",
    }.items()
} | {
    "mynetworks as a key": ("mynetworks: 0.0.0.0/0\n", f"1:1: mynetworks: {NOT_TO_SET}it says who may relay; {REMOVE}"),
    "relay restrictions of a service": (
        CERTIFICATE + f"submission: {{{SASL}, parameters: {{smtpd_relay_restrictions: permit}}}}\n",
        f"2:61: submission.parameters.smtpd_relay_restrictions: {NOT_TO_SET}it keeps the host from being an open relay; {REMOVE}",
    ),
    "the level of a service": (
        CERTIFICATE + f"submission: {{{SASL}, parameters: {{smtpd_tls_security_level: may}}}}\n",
        "2:61: submission.parameters.smtpd_tls_security_level: submission sets smtpd_tls_security_level itself; write submission.security_level",
    ),
    "table types beyond ours": (
        PARAMETERS + "relay_clientcerts: mysql:/etc/x\n",
        "2:22: parameters.relay_clientcerts: tables of type 'mysql' are not ours to declare; write one of: hash, btree, cdb, lmdb, texthash, cidr, regexp, pcre",
    ),
    "hash:/etc/shadow": (PARAMETERS + "relay_clientcerts: hash:/etc/shadow\n", "2:22: parameters.relay_clientcerts: /etc/shadow is no lookup table"),
    "hash:/etc/shadow as a policy table": (
        OUTGOING + "policy_table: hash:/etc/shadow\n", "2:17: outgoing.policy_table: /etc/shadow is no lookup table",
    ),
    "a plaintext private key": (
        CERTIFICATE + "parameters:\n  smtpd_tls_key_file: |\n    -----BEGIN RSA PRIVATE KEY-----\n",
        "4:5: a private key in the repository; remove it, and make a new key: keys stay on the host, name the path of the file instead",
    ),
    "a SASL password": (
        CERTIFICATE + "submission: {sasl: {type: cyrus, path: smtpd, password: hunter2}}\n",
        "2:47: submission.sasl.password: a secret has no place in a state repository; remove it, and change it: passwords and keys stay on the host",
    ),
    "a SASL password as a policy": (
        OUTGOING + "policies: {'[relay.example]:587': 'me:hunter2'}\n",
        ("2:37: outgoing.policies.[relay.example]:587: this looks like a name and a password; remove it, and change the password: "
        "they stay on the host, and everybody who can read the repository has seen this one"),
    ),
    "a SASL password in a static map": (
        PARAMETERS + "smtp_sasl_password_maps: static:me:hunter2\n",
        "2:28: parameters.smtp_sasl_password_maps: a password in the repository; remove it, and change it: name a table whose source stays on the host",
    ),
}  # fmt: skip

SECTIONS = "certificates, incoming, outgoing, submission, submissions, parameters"
NOTHING = {
    name: (text, f"1:1: it declares nothing; an empty file never means 'remove everything'; write at least one of: {SECTIONS}")
    for name, text in {
        "no key": "{}\n",
        "empty sections": "certificates:\nincoming: {policies: {senders: []}}\noutgoing: {policies: {}}\nparameters: {}\n",
    }.items()
}  # fmt: skip

CASES = {
    f"{group}: {name}": case
    for group, cases in (
        ("YAML", YAML),
        ("Values", VALUES),
        ("TLS meaning", TLS_MEANING),
        ("Privilege", PRIVILEGE),
        ("Nothing", NOTHING),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES)
def test_bad_input_gets_one_error_at_its_place(problems, text: str, message: str) -> None:
    assert [str(problem) for problem in problems(text)] == [f"hosts/mx1.example.org.yaml:{message}"]


@pytest.mark.parametrize("name", [name for name in CASES if "password" in name])
def test_no_error_repeats_a_password(problems, name: str) -> None:
    assert not any("hunter2" in problem.for_terminal() for problem in problems(CASES[name][0]))


def test_an_error_says_why_in_postfix_own_words(problems) -> None:
    (problem,) = problems(TLS_MEANING["bad level"][0])
    assert problem.why == "smtpd_tls_security_level takes none, may or encrypt (postconf(5))"


def test_all_problems_of_a_run_come_at_once_sorted_by_place(problems) -> None:
    found = problems("incoming:\n  loglevel: 9\n  security_level: x\nenforce: [nothing]\n")
    assert [(problem.position.line, problem.position.column) for problem in found] == [(2, 13), (3, 19), (4, 11)]


def test_secrets_are_found_in_any_file(problems) -> None:
    found = problems(
        "profile: old\n",
        {
            "notes/key.txt": "see:\n  -----BEGIN PRIVATE KEY-----\n",
            "sasl_passwd": "# ours\n[relay.example]:587 me:hunter2\n",
            "dovecot/users": "me:{PLAIN}hunter2\n",
        },
    )
    assert [(str(problem.position), problem.what) for problem in found] == [
        ("dovecot/users:1:1", "a password in the repository"),
        ("notes/key.txt:2:3", "a private key in the repository"),
        ("sasl_passwd:2:1", "a password in the repository"),
    ]


MAP_ROWS = {
    "a key without a value": ("a.example\n", "1:1: a key without a value; Postfix leaves it out; write 'NEXTHOP LEVEL', such as 'bank.example secure'"),
    "a bad level": ("# x\na.example encrpyt\n", "2:11: 'encrpyt' is not a security level; write one of: none, may, encrypt, fingerprint, dane, dane-only, verify, secure (did you mean 'encrypt'?)"),
    "a key twice": ("a.example may\nA.example may\n", "2:1: 'a.example' stands twice, first in line 1; keep one of them"),
    "NBSP": ("a.example may\u00a0x\n", "1:1: the row holds U+00A0 (NO-BREAK SPACE); remove it"),
    "a wildcard": ("*.example may\n", "1:1: '*.example': a policy table knows no '*'; write .example for the subdomains"),
    "a password": (
        "[r.example]:587 me:hunter2\n",
        "1:17: this looks like a name and a password; remove it, and change the password: they stay on the host, and everybody who can read the repository has seen this one",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MAP_ROWS.values(), ids=MAP_ROWS)
def test_a_bad_line_of_a_policy_file_is_an_error_even_where_nobody_uses_it(problems, text: str, message: str) -> None:
    found = problems("profile: old\n", {"policies/a.map": text})
    assert [str(problem) for problem in found] == [f"policies/a.map:{message}"]
