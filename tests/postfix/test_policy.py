from __future__ import annotations

import pytest

from reconciler.postfix import policy


def test_a_policy_is_a_level_and_attributes() -> None:
    parsed = policy.parse("secure match=nexthop:dot-nexthop protocols=>=TLSv1.2")
    assert parsed == policy.Policy("secure", (("match", "nexthop:dot-nexthop"), ("protocols", ">=TLSv1.2")))
    assert parsed.mandatory


@pytest.mark.parametrize("level", ["none", "may", "dane"])
def test_mail_is_not_held_back_under_opportunistic_levels(level: str) -> None:
    assert not policy.parse(level).mandatory


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with a security level"),
        ("encrpyt", "'encrpyt' is not a security level"),
        ("encrypt foo", "'foo' is no attribute"),
        ("encrypt foo=bar", "'foo' is no policy attribute"),
        ("encrypt protocols=>=TLSv9", "is not a TLS protocol"),
        ("encrypt protocols= >=TLSv1.2", "the attribute 'protocols' has no value"),
        ("encrypt ciphers=best", "'best' is not a cipher grade"),
        ("encrypt match=example.org", "'match' has a meaning for fingerprint, verify and secure only"),
        ("fingerprint", "needs at least one match="),
        ("none ciphers=high", "'none' takes no attributes"),
        ("secure ciphers=high ciphers=medium", "stands twice"),
    ],
)
def test_a_policy_that_would_defer_mail_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        policy.parse(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("encrypt protocols=>=TLSv1.2", "ENCRYPT protocols=!SSLv3:!TLSv1:!TLSv1.1"),
        ("secure match=a match=b", "secure match=a:b"),
        ("encrypt ciphers=high protocols=TLSv1.3", "encrypt protocols=TLSv1.3 ciphers=HIGH"),
    ],
)
def test_policies_that_mean_the_same_are_equal(one: str, other: str) -> None:
    assert policy.canonical(one) == policy.canonical(other)


def test_attributes_newer_than_the_host_are_named() -> None:
    assert policy.unknown_to(policy.parse("encrypt enable_rpk=yes"), (3, 7)) == ("enable_rpk",)
    assert policy.unknown_to(policy.parse("encrypt enable_rpk=yes"), (3, 9)) == ()


@pytest.mark.parametrize(
    "key", ["bank.example", ".bank.example", "[mx.example]", "[mx.example]:587", "[2001:db8::1]:25", "mx.example:smtp"]
)
def test_nexthops(key: str) -> None:
    assert policy.parse_nexthop(key) == key


@pytest.mark.parametrize(
    "key", ["", "a b", "[mx.example", "bänk.example", "a..b", "x" * 64 + ".example", "[mx]:", "user@bank.example"]
)
def test_what_is_no_nexthop_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        policy.parse_nexthop(key)
