from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.postfix import values


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("smtpd_tls_received_header", "yes", "YES"),
        ("smtpd_tls_session_cache_timeout", "3600s", "1h"),
        ("smtpd_tls_session_cache_timeout", "3600", "60m"),
        ("smtpd_tls_security_level", "may", "May"),
        ("smtpd_tls_loglevel", "1", "01"),
        ("smtpd_tls_protocols", ">=TLSv1.2", "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"),
        ("smtpd_tls_protocols", ">=TLSv1.2", "TLSv1.2 TLSv1.3"),
        ("smtpd_tls_protocols", ">=TLSv1.2 <=TLSv1.2", "tlsv1.2"),
        ("smtpd_tls_protocols", "!SSLv3", "!sslv2:!SSLv3"),
        ("smtpd_tls_exclude_ciphers", "aNULL, MD5", "MD5 aNULL"),
        ("smtpd_client_restrictions", "permit_mynetworks, reject", "PERMIT_MYNETWORKS reject"),
        ("smtpd_tls_chain_files", "/a.pem, /b.pem", "/a.pem\t/b.pem"),
        ("smtp_tls_policy_maps", "hash:/a,hash:/b", "hash:/a hash:/b"),
        ("smtpd_sasl_security_options", "noanonymous,noplaintext", "noanonymous, noplaintext"),
    ],
)
def test_texts_that_mean_the_same_have_one_canonical_form(name: str, one: str, other: str) -> None:
    assert values.canonical(name, one) == values.canonical(name, other)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("smtpd_tls_security_level", "may", "encrypt"),
        ("smtpd_tls_protocols", ">=TLSv1.2", ">=TLSv1.3"),
        ("smtp_tls_policy_maps", "hash:/a hash:/b", "hash:/b hash:/a"),
        ("smtpd_client_restrictions", "permit_mynetworks reject", "reject permit_mynetworks"),
        ("smtpd_client_restrictions", "check_client_access hash:/A", "check_client_access hash:/a"),
        ("smtpd_tls_received_header", "yes", "maybe"),
    ],
)
def test_texts_that_mean_something_else_differ(name: str, one: str, other: str) -> None:
    assert values.canonical(name, one) != values.canonical(name, other)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("smtpd_tls_security_level", "encryp", "'encryp' is not a security level; write one of: none, may, encrypt"),
        ("smtpd_tls_security_level", "dane", "'dane' is a level of the client side only; write one of: none, may"),
        ("smtp_tls_security_level", "half", "'half' is not a security level"),
        ("smtp_tls_protocols", ">=TLSv9", "'>=TLSv9' is not a TLS protocol"),
        ("smtp_tls_protocols", "!FOO", "'!FOO' is not a TLS protocol"),
        ("smtp_tls_protocols", ">= TLSv1.2", "there is no space after the sign"),
        ("smtpd_tls_mandatory_ciphers", "hihg", "'hihg' is not a cipher grade"),
        ("smtpd_tls_exclude_ciphers", "a;b", "'a;b' is no OpenSSL cipher name"),
        ("smtpd_tls_received_header", "true", "'true' is neither yes nor no"),
        ("smtpd_tls_session_cache_timeout", "10q", "'10q' is no time"),
        ("smtpd_tls_loglevel", "five", "'five' is no whole number"),
        ("smtpd_tls_loglevel", "9", "9 is no log level"),
        ("smtpd_tls_fingerprint_digest", "md6", "'md6' is not a digest"),
        ("smtp_dns_support_level", "dnsec", "'dnsec' is not a DNS support level"),
        ("smtpd_tls_CAfile", "ca.pem", "'ca.pem' is relative, and daemons run in the queue"),
        ("smtpd_tls_CAfile", "/etc/../x", "'/etc/../x' climbs with '..'"),
        ("tls_server_sni_maps", "mysql:/x", "tables of type 'mysql' are not ours to declare"),
        ("relay_clientcerts", "hash:/etc/shadow", "/etc/shadow is no lookup table"),
    ],
)
def test_a_value_postfix_would_stumble_over_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        values.check(name, value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtpd_tls_security_level", ""),
        ("smtp_tls_security_level", "dane-only"),
        ("smtp_tls_protocols", ""),
        ("smtp_tls_protocols", "$smtpd_tls_protocols"),
        ("smtpd_tls_CAfile", "$config_directory/ca.pem"),
        ("smtp_tls_policy_maps", "hash:$config_directory/tls_policy, cidr:/x"),
    ],
)
def test_a_value_postfix_takes_passes(name: str, value: str) -> None:
    values.check(name, value)


def test_protocol_floors_are_written_as_exclusions_before_postfix_3_6() -> None:
    assert values.protocols_for(">=TLSv1.2", (3, 5)) == "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"
    assert values.protocols_for(">=TLSv1.2", (3, 6)) == ">=TLSv1.2"
    assert values.protocols_for("!SSLv3", (3, 4)) == "!SSLv3"


@given(st.sampled_from([f"{sign}{name}" for sign in ("", "!", ">=", "<=") for name in values.PROTOCOLS]))
def test_rewriting_protocols_for_an_old_postfix_keeps_their_meaning(text: str) -> None:
    assert values.canonical_protocols(values.protocols_for(text, (3, 5))) == values.canonical_protocols(text)


@given(st.timedeltas(timedelta(0), timedelta(days=100)))
def test_a_time_in_whole_seconds_reads_back(span: timedelta) -> None:
    assert values.seconds(f"{int(span.total_seconds())}s") == int(span.total_seconds())


@given(
    st.text(max_size=30), st.sampled_from(["smtpd_tls_protocols", "smtpd_tls_loglevel", "smtp_tls_policy_maps", "x"])
)
def test_any_text_has_a_canonical_form(text: str, name: str) -> None:
    assert values.canonical(name, text) == values.canonical(name, text)
