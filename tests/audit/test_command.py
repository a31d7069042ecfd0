"""The command on a real instance and on copies of directories: what it says, how fast, and that it touches nothing."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.cli.main import main
from reconciler.host import certificates

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
NOW = datetime.now(UTC)
TLS = """\
smtpd_tls_chain_files = {etc}/chain.pem
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_protocols = >=TLSv1.2
smtp_tls_mandatory_protocols = >=TLSv1.2
smtp_tls_policy_maps = hash:{etc}/tls_policy
"""


def audited(capsys, directory: str) -> dict:
    assert main(["audit", "-c", directory, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def said(capsys, directory: str) -> set[tuple[str, str]]:
    return {(it["rule"], it["address"]) for it in audited(capsys, directory)["findings"]}


@pytest.fixture
def instance(instances):
    made = instances("mx1.test", started=False, main_cf_extra="smtpd_tls_session_cache_database =\n")
    etc = made.config_directory
    made.write("main.cf", Path(etc, "main.cf").read_text() + TLS.format(etc=etc))
    key, certificate = certificates.make_self_signed(("mx1.test",), timedelta(days=90), NOW)
    made.write("chain.pem", key + certificate, 0o600)
    made.write("tls_policy", "bank.example encrypt\n")
    made.postfix.build("hash", f"{etc}/tls_policy")
    made.start()
    return made


@pytest.mark.postfix
def test_a_live_instance_with_nothing_wrong(instance, capsys) -> None:
    made = audited(capsys, instance.config_directory)
    assert (made["in_place"], made["summary"]) == (True, "Nothing found.")


@pytest.mark.postfix
def test_what_is_wrong_with_real_files(instance, capsys) -> None:
    etc = instance.config_directory
    os.utime(instance.write("tls_policy", "bank.example encrypt\nnew.example encrypt\n"))
    Path(etc, "chain.pem").chmod(0o644)
    Path(etc, "master.cf").chmod(0o666)
    os.link(f"{etc}/main.cf", f"{etc}/main.cf.other")
    assert said(capsys, etc) == {
        ("table_stale", "table/tls_policy"),
        ("key_exposed", "file/chain.pem"),
        ("file_writable", "file/master.cf"),
        ("file_not_replaceable", "file/main.cf"),
    }


@pytest.mark.postfix
@pytest.mark.parametrize(
    ("content", "rule"),
    [(b"", "table_unreadable"), (b"garbage" * 999, "table_unreadable"), (None, "table_not_compiled")],
)
def test_a_compiled_table_that_is_none(instance, capsys, content, rule) -> None:
    path = Path(instance.config_directory, "tls_policy.db")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert said(capsys, instance.config_directory) == {(rule, "table/tls_policy")}


@pytest.mark.postfix
def test_an_sni_map_is_told_by_what_it_was_built_from(instance, capsys) -> None:
    etc = instance.config_directory
    instance.configure(tls_server_sni_maps=f"hash:{etc}/sni")
    instance.write("sni", f"shop.test {etc}/chain.pem\n")
    instance.postfix.build("hash", f"{etc}/sni")
    assert said(capsys, etc) == {("sni_map_without_files", "table/sni#shop.test")}
    instance.postfix._run("postmap", "-F", f"hash:{etc}/sni")
    assert said(capsys, etc) == set()
    key, certificate = certificates.make_self_signed(("mx1.test",), timedelta(days=90), NOW)
    instance.write("chain.pem", key + certificate, 0o600)
    assert said(capsys, etc) == {("sni_map_stale", "table/sni#shop.test")}


@pytest.mark.postfix
def test_nothing_is_written_and_it_takes_less_than_a_second(instance, capsys) -> None:
    def fingerprint() -> dict[str, tuple[int, int]]:
        found = Path(instance.config_directory).rglob("*")
        return {str(it): (it.stat().st_mtime_ns, it.stat().st_ino) for it in found}

    before = fingerprint()
    started = time.monotonic()
    audited(capsys, instance.config_directory)
    assert time.monotonic() - started < 1
    assert fingerprint() == before


def test_a_copied_directory_is_read_as_a_copy(tmp_path, capsys) -> None:
    (tmp_path / "main.cf").write_text(
        "smtpd_tls_chain_files = /etc/ssl/private/mx1.pem\nsmtp_tls_policy_maps = hash:/etc/postfix/tls_policy\n"
    )
    (tmp_path / "master.cf").write_text("smtp unix - - y - - smtp\n")
    (tmp_path / "tls_policy").write_text("bank.example encrpyt\n")
    made = audited(capsys, str(tmp_path))
    found = {(it["rule"], it["address"]): it for it in made["findings"]}
    assert not made["in_place"]
    assert found["policy_invalid", "table/tls_policy#bank.example"]["line"] == 1
    assert "/etc/ssl/private/mx1.pem" in found["not_looked_at", f"file/{tmp_path}"]["evidence"]


@pytest.mark.parametrize(
    ("files", "address"),
    [
        (
            {"main.cf": b"a = 1\nnonsense\n", "master.cf": b"smtp inet n - n - - smtpd\n"},
            ("main_cf_line", "file/main.cf", 2),
        ),
        ({"main.cf": b"a = 1\n", "master.cf": b"smtp inet n\n"}, ("master_cf_line", "file/master.cf", 1)),
        ({"main.cf": b"a = 1\n"}, ("master_cf_missing", "file/master.cf", None)),
        ({"master.cf": b"smtp inet n - n - - smtpd\n"}, ("main_cf_missing", "file/main.cf", None)),
        ({"main.cf": b"", "master.cf": b"smtp inet n - n - - smtpd\n"}, ("main_cf_empty", "file/main.cf", None)),
    ],
)
def test_files_that_postfix_dies_of_are_findings(tmp_path, capsys, files, address) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = [(it["rule"], it["address"], it["line"]) for it in audited(capsys, str(tmp_path))["findings"]]
    assert address in found


def test_no_configuration_at_all_is_an_error(tmp_path, capsys) -> None:
    assert main(["audit", "-c", str(tmp_path), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "HostUnreadable"


def _pairs() -> list[object]:
    """Every main.cf and every master.cf of the corpus, and the templates, each beside another file."""
    mains, masters = (sorted((CORPUS / it).glob("*.cf")) for it in ("main", "master"))
    if not mains or not masters:
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no corpus at {CORPUS}"))]
    broken = sorted((CORPUS / "templates").iterdir())
    pairs = [(it, masters[at % len(masters)]) for at, it in enumerate(mains)]
    pairs += [(mains[at % len(mains)], it) for at, it in enumerate(masters)]
    pairs += [(mains[0], it) if ".master" in it.name else (it, masters[0]) for it in broken]
    return [pytest.param(*pair, id="-".join(it.name for it in pair)) for pair in pairs]


@pytest.mark.parametrize(("main_file", "master_file"), _pairs())
def test_no_real_file_is_too_odd_to_be_audited(tmp_path, capsys, main_file, master_file) -> None:
    shutil.copy(main_file, tmp_path / "main.cf")
    shutil.copy(master_file, tmp_path / "master.cf")
    for found in audited(capsys, str(tmp_path))["findings"]:
        assert found["evidence"]
        assert found["fix"]["advice"] or found["fix"]["yaml"]
