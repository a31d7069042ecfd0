"""A certificate that a change brings along is looked at before it is live: what makes TLS vanish stops the change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.host.certificates import make_self_signed
from reconciler.host.presented import judge

NOW = datetime.now(UTC)
MAIN = "myhostname = mx1.test\n"


def made(name: str = "mx1.test", days: int = 30, begun: datetime = NOW) -> tuple[bytes, bytes]:
    return make_self_signed([name], timedelta(days=days), begun)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "main.cf").write_text(MAIN)
    (tmp_path / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    key, certificate = made()
    for name, content in {
        "good.pem": key + certificate,
        "key.pem": key,
        "cert.pem": certificate,
        "other.pem": made()[0],
        "reversed.pem": certificate + key,
        "cut.pem": (key + certificate)[:-40],
        "mismatch.pem": made()[0] + certificate,
    }.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def judged(etc: Path, main: str = "", master: str = "", **files: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    candidate: dict[str, bytes | str] = {f"{etc}/main.cf": (MAIN + main).encode()}
    if master:
        candidate[f"{etc}/master.cf"] = master.encode()
    candidate |= {f"{etc}/{name}.pem": content for name, content in files.items()}
    return judge(candidate, str(etc), NOW)


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("smtpd_tls_chain_files = $config_directory/good.pem", None),
        ("smtpd_tls_chain_files = key.pem, cert.pem", None),
        ("smtpd_tls_cert_file = cert.pem\nsmtpd_tls_key_file = key.pem", None),
        ("smtpd_tls_cert_file = reversed.pem", None),
        ("smtpd_tls_cert_file = none", None),
        ("smtpd_tls_chain_files = gone.pem", "gone.pem: there is no such file"),
        ("smtpd_tls_chain_files = reversed.pem", "the private key must come first, then its certificate"),
        ("smtpd_tls_chain_files = cut.pem", "truncated"),
        ("smtpd_tls_chain_files = mismatch.pem", "the private key does not belong to the certificate behind it"),
        ("smtpd_tls_chain_files = cert.pem", "no private key in it"),
        ("smtpd_tls_chain_files = key.pem", "no certificate in it"),
        ("smtpd_tls_chain_files = $config_directory", "a directory; name a file in it"),
        ("smtpd_tls_cert_file = cert.pem\nsmtpd_tls_key_file = other.pem", "it does not belong to the certificate in"),
        ("smtp_tls_cert_file = cert.pem\nsmtp_tls_key_file = gone.pem", "gone.pem: there is no such file"),
        ("smtpd_tls_chain_files = good.pem\nsmtpd_tls_cert_file = gone.pem", None),
    ],
)
def test_a_chain_that_postfix_cannot_use_is_a_complaint(etc: Path, main: str, said: str | None) -> None:
    complaints, _ = judged(etc, f"{main}\n")
    if said is None:
        assert complaints == ()
    else:
        assert len(complaints) == 1
        assert said in complaints[0]


def test_what_was_there_before_is_nobodys_fault(etc: Path) -> None:
    (etc / "main.cf").write_text(f"{MAIN}smtpd_tls_chain_files = gone.pem\n")
    assert judged(etc, "smtpd_tls_chain_files = gone.pem\nsmtp_tls_loglevel = 1\n") == ((), ())


def test_a_file_that_the_change_replaces_is_looked_at_as_it_will_be(etc: Path) -> None:
    (etc / "main.cf").write_text(f"{MAIN}smtpd_tls_chain_files = good.pem\n")
    complaints, _ = judged(etc, "smtpd_tls_chain_files = good.pem\n", good=made()[0])
    assert complaints == (f"main.cf: smtpd_tls_chain_files: {etc}/good.pem: no certificate in it",)


def test_a_service_of_its_own_chain_is_looked_at(etc: Path) -> None:
    master = "smtps inet n - n - - smtpd -o smtpd_tls_chain_files=gone.pem\n"
    complaints, _ = judged(etc, master=master)
    assert complaints == (f"master.cf smtps: smtpd_tls_chain_files: {etc}/gone.pem: there is no such file",)


def test_what_only_makes_it_a_bad_certificate_is_a_remark(etc: Path) -> None:
    key, certificate = made("other.test", 1, NOW - timedelta(days=30))
    (etc / "bad.pem").write_bytes(key + certificate)
    (etc / "bad.pem").chmod(0o644)
    complaints, remarks = judged(etc, "smtpd_tls_chain_files = bad.pem\n")
    assert complaints == ()
    assert [it.partition("bad.pem: ")[2].split(",")[0].split(" (")[0] for it in remarks] == [
        f"valid from {NOW - timedelta(days=30, hours=1):%Y-%m-%d} to {NOW - timedelta(days=29):%Y-%m-%d}",
        "not for the name of this host",
        "every user of the host can read its private key",
    ]
