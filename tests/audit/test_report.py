"""Findings as a person and as a program reads them."""

from __future__ import annotations

import json
from dataclasses import replace

from reconciler.report import audit as report


def test_the_text_is_this(good) -> None:
    host = good.put("smtpd_tls_auth_only = no", "smtpd_sasl_auth_enable = yes").with_leaf(ends=3)
    assert report.text("mx1.example.org (/etc/postfix, Postfix 3.7.11)", host.findings()) == """\
mx1.example.org (/etc/postfix, Postfix 3.7.11)

weak: auth_in_plaintext at main.cf/smtpd_tls_auth_only
  /etc/postfix/main.cf:16: smtp offers AUTH (smtpd_sasl_auth_enable = yes) with TLS left to the client; smtpd_tls_auth_only = no
  why: passwords travel readable to everybody on their way
  fix: in the host file:
    incoming:
      auth_only: yes

expiring: certificate_expiring at file//etc/ssl/private/chain.pem
  /etc/postfix/main.cf:3: smtpd_tls_chain_files = /etc/ssl/private/chain.pem: it ends on 2026-11-26, in 3 days
  why: clients that verify will refuse it then
  fix: renew it, then postfix reload

Audit: 1 weak, 1 expiring.
"""  # fmt: skip


def test_nothing_found_is_one_line(good) -> None:
    assert report.text("mx1", good.findings()) == "mx1\n\nNothing found.\n"


def test_what_a_host_says_cannot_steer_a_terminal(good) -> None:
    host = replace(good, main="smtp_tls_loglevel = \x1b[31m\n" + good.main)
    assert "\x1b" not in report.text("mx1", host.findings())


def test_the_json_says_the_same(good) -> None:
    host = good.put("smtpd_tls_auth_only = no", "smtpd_sasl_auth_enable = yes")
    text = report.as_json(
        host.findings(), host="mx1", config_directory="/etc/postfix", mail_version="3.7.11", in_place=True
    )
    made = json.loads(text)
    assert made["findings"] == [
        {
            "rule": "auth_in_plaintext",
            "severity": "weak",
            "address": "main.cf/smtpd_tls_auth_only",
            "file": "/etc/postfix/main.cf",
            "line": 16,
            "evidence": "smtp offers AUTH (smtpd_sasl_auth_enable = yes) with TLS left to the client; smtpd_tls_auth_only = no",
            "why": "passwords travel readable to everybody on their way",
            "fix": {"advice": "", "yaml": "incoming:\n  auth_only: yes"},
        }
    ]
    assert made["counts"]["weak"] == 1
    assert made["summary"] == "Audit: 1 weak."
