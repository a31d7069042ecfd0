"""Whatever stands in main.cf and in the tables it names, an import loads, and a plan with it changes nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import HostUnreadable
from reconciler.postfix import catalogue, scope

NAMES = sorted(name for name in catalogue.parameters() if scope.in_scope(name))
WORDS = [
    b"yes", b"NO", b"may", b"encrypt", b"dane", b"dnssec", b"none", b"high", b"3600s", b"1h", b"0", b"1", b"007", b"-1",
    b">=TLSv1.2", b"!SSLv3", b"TLSv1", b"/etc/ssl/a.pem", b"a.pem", b"$config_directory/a.pem", b"hash:/etc/postfix/t",
    b"hash:$config_directory/t", b"static:u:p", b"$smtpd_tls_cert_file", b"$smtp_tls_loglevel", b"${x?y}", b"${x", b"#", b"",
    b"{ a }", b"..", b"a,b", b"\xc2\xa0", b"\xff", b"\x01", b"'", b'"', b"\\", b": ", b"- ", b"null", b"~", b"x\n y",
]  # fmt: skip
VALUES = st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=3).map(b" ".join)
LINES = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12)
KEYS = st.sampled_from([b"a.example", b".a.example", b"[b]:587", b"u@c.example", b"10.0.0.0/8", b"A", b'"x y"', b"*.d"])
ROWS = st.lists(
    st.tuples(KEYS, st.sampled_from([b"encrypt", b"dane", b"reject_plaintext_session", b"OK", b"x:y", b"", b"secure match=a:b"])),
    max_size=6,
)  # fmt: skip
LISTS = st.sampled_from(["", "permit_mynetworks,", "check_sender_access hash:/etc/postfix/s,"])
MAPS = b"""
smtp_tls_policy_maps = hash:/etc/postfix/t
smtpd_sender_restrictions = %s check_sender_access hash:$config_directory/t
smtpd_client_restrictions = %s check_client_access cidr:/etc/postfix/c, check_client_access hash:/etc/postfix/n
"""


@settings(deadline=None)
@given(lines=LINES, rows=ROWS, before=LISTS)
def test_an_import_is_always_a_state_the_host_is_in(lines, rows, before, raw_host) -> None:
    main = b"myhostname = mx1.example.org\n"
    main += b"".join(name.encode() + b" = " + value.replace(b"\n", b"\n ") + b"\n" for name, value in lines)
    main += MAPS % (before.encode(), before.encode())
    source = b"".join(key + b" " + value + b"\n" for key, value in rows)
    there = raw_host(main=main, tables=dict.fromkeys("tcns", source), pems=("/etc/ssl/a.pem", "/etc/postfix/a.pem"))
    try:
        there.config()
    except HostUnreadable:
        return
    made = there.plan(there.imported().files)
    assert (made.changes, made.observed, made.guards) == ((), (), ())
