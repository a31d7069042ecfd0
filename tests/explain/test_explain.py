"""Each kind of address, explained by the command on a directory that the real Postfix reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ADDRESSES = {
    "parameter": "main.cf/smtpd_tls_security_level",
    "parameter-of-a-profile": "main.cf/smtpd_tls_protocols",
    "parameter-legacy": "main.cf/smtpd_use_tls",
    "parameter-client": "main.cf/smtp_tls_security_level",
    "parameter-of-the-host": "main.cf/level",
    "parameter-not-known-here": "main.cf/smtp_tls_enable_rpk",
    "element": "main.cf/smtpd_sender_restrictions[check_sender_access hash:DIR/senders]",
    "service": "master.cf/submission/inet",
    "service-absent": "master.cf/2525/inet",
    "option": "master.cf/587/inet/-o/smtpd_tls_security_level",
    "option-inherited": "master.cf/465/inet/-o/smtpd_tls_security_level",
    "row": "table/tls_policy#bank.example",
    "row-deferred": "table/DIR/tls_policy#NEW.example",
    "table": "table/tls_policy",
    "file": "file/tls.pem",
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_explanation_is_the_golden_one(site, golden, name: str) -> None:
    golden(name, site.with_state(ADDRESSES[name]))


def test_without_a_state_the_host_alone_is_explained(site, golden) -> None:
    golden("without-a-state", site.explain("main.cf/smtpd_tls_security_level"))


def test_json_says_the_same(site) -> None:
    words = ("--repo", str(site.repo), "--format", "json")
    told = json.loads(site.explain("main.cf/smtpd_tls_security_level", *words))
    assert told["declared"]["value"] == "encrypt"
    assert [(it["layer"], it["text"], it["wins"]) for it in told["declared"]["layers"]] == [
        ("host", "encrypt", True),
        ("group eu", "may", False),
        ("group base", "none", False),
    ]
    assert [(it["line"], it["text"], it["expanded"], it["in_force"]) for it in told["live"]] == [
        (5, "none", "none", False),
        (8, "${level}", "may", True),
    ]
    assert told["overrides"] == [
        {
            "address": "master.cf/submission/inet/-o/smtpd_tls_security_level",
            "path": "DIR/master.cf",
            "line": 3,
            "text": "encrypt",
            "expanded": "encrypt",
            "in_force": True,
        }
    ]


def test_what_was_applied_is_told(site) -> None:
    memory = site.memory / "etc"
    memory.mkdir(parents=True)
    entry = {"main.cf/smtpd_tls_loglevel": {"written": "1", "adopted": None}}
    record = {"format_version": "1.0", "config_directory": str(site.config), "revision": "", "entries": entry}
    (memory / "last-applied.json").write_text(json.dumps(record))
    assert "Last applied\n  1; before it was managed: absent\n" in site.explain("main.cf/smtpd_tls_loglevel")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("main.cf/smtpd_tls_loglevl", "did you mean main.cf/smtpd_tls_loglevel?"),
        ("main.cf", "is no address"),
        ("nowhere/x", "is no address"),
        ("master.cf/587", "a service is master.cf/ENDPOINT/TYPE"),
    ],
)
def test_what_is_no_address_is_refused(site, address: str, said: str) -> None:
    code, text = site.run("explain", address)
    assert code == 1
    assert said in text


def test_nothing_is_written(site) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in site.config.iterdir()}
    site.with_state("main.cf/smtpd_tls_security_level")
    assert {path.name: path.stat().st_mtime_ns for path in site.config.iterdir()} == before
    assert not site.memory.exists()


def test_the_page_shows_the_golden_one() -> None:
    page = Path(__file__).parents[2] / "docs/reference/explain.md"
    shown = (Path(__file__).parent / "golden/parameter.txt").read_text().replace("DIR", "/etc/postfix")
    assert f"\n{shown}```\n" in page.read_text()
