"""Guarantee 25: a canary secret in every input is not once in a plan, a comment, a page, a document or an error.

What is kept and sent elsewhere (store, metrics, alerts) is judged beside those packages; tokens in tests/notify.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler import desired
from reconciler.cli.main import main
from reconciler.errors import ReconcilerError
from reconciler.model.applied import LastApplied
from reconciler.model.plan import Plan
from reconciler.model.snapshot import RepoSnapshot
from reconciler.report import html, json, markdown, review_text, text
from tests.golden import test_golden as golden
from tests.hostile.test_guarantee_24 import plan_for
from tests.report.conftest import plan_with, review_with

CANARY = "CanaryKq7w2Zx9"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----"
ORIGIN = f"https://robot:{CANARY}@git.example.org/mail/state.git"
HOST = f"hosts/{golden.HOST}.yaml"

LIVE = {
    "passwords written out": ("main.cf", f"smtp_sasl_password_maps = static:relay:{CANARY}\n"),
    "passwords inline": ("main.cf", f"smtp_sasl_password_maps = inline:{{ [relay]:587=u:{CANARY} }}\n"),
    "passwords in a table written out": ("main.cf", f"smtp_sasl_password_maps = regexp:{{ {{/./ u:{CANARY}}} }}\n"),
    "a login among the policies": ("tls_policy", f"bank.example relay:{CANARY}\n"),
    "a login for another destination": ("tls_policy", f"[relay.example]:587 relay:{CANARY}\n"),
    "a key in a parameter": ("main.cf", f"smtpd_tls_chain_files = {KEY.replace(chr(10), ' ')}\n"),
    "a password in a foreign parameter": ("main.cf", f"relay_password = {CANARY}\nldap_bind_pw = {CANARY}\n"),
    "credentials in a URL": ("main.cf", f"smtp_tls_CAfile = https://u:{CANARY}@ca.example.org/ca.pem\n"),
}
STATE = """
enforce: all
certificates: {default: {chain_files: [tls/mx.pem], until_present: self_signed}}
outgoing:
  ca_file: /etc/ssl/certs/ca-certificates.crt
  policies: {bank.example: encrypt}
parameters: {smtp_sasl_password_maps: "hash:/etc/postfix/sasl_passwd"}
"""
REPOSITORY = {
    "a private key beside the state": ("keys/mx.pem", KEY),
    "a private key in a value": (HOST, f"parameters: {{smtpd_tls_received_header: '{KEY}'}}\n"),
    "a password file of Postfix": ("policies/sasl_passwd.map", f"[relay.example]:587 user:{CANARY}\n"),
    "a password file of Dovecot": ("policies/users.map", f"alice:{{PLAIN}}{CANARY}\n"),
    "a login for a policy": (HOST, f"outgoing: {{policies: {{bank.example: 'user:{CANARY}'}}}}\n"),
    "passwords written out": (HOST, f"parameters: {{smtp_sasl_password_maps: 'static:user:{CANARY}'}}\n"),
    "passwords inline": (HOST, f"parameters: {{smtp_sasl_password_maps: 'inline:{{{{a=u:{CANARY}}}}}'}}\n"),
}


def everything(plan: Plan) -> str:
    """All that is shown of a plan, one form after the other."""
    return "\n".join([text.render(plan), json.render(plan), markdown.render(plan).text, html.render(plan)])


@pytest.mark.parametrize("name", LIVE)
def test_guarantee_25_what_is_secret_on_the_host_is_in_no_form_of_the_plan(name: str, tmp_path: Path) -> None:
    file, content = LIVE[name]
    for path in (golden.HERE / "first-apply/live").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / file).open("a") as appended:
        appended.write(content)
    wanted = desired.load(RepoSnapshot({HOST: STATE.encode()}, "r", ORIGIN), golden.HOST)
    made = plan_for(wanted, tmp_path, LastApplied(golden.DIRECTORY))
    assert made is not None
    assert made.changes
    assert CANARY not in everything(replace(made, origin=ORIGIN))


@pytest.mark.parametrize("name", REPOSITORY)
def test_guarantee_25_what_is_secret_in_the_repository_is_in_no_error(
    name: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("RECONCILER_TRACEBACK", "1")
    path, content = REPOSITORY[name]
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / HOST).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / HOST).write_text("enforce: all\n")
    (tmp_path / path).write_text(content)
    for form in ("text", "json"):
        code = main(("validate", str(tmp_path), "--format", form))
        shown = capsys.readouterr()
        assert code == 1 or "keys/" in path  # beside the state nothing is read, and so nothing is told
        assert CANARY not in shown.out + shown.err


def test_guarantee_25_credentials_of_the_repository_are_in_no_error(capsys) -> None:
    for url in (f"https://robot:{CANARY}@127.0.0.1:9/state.git", f"https://{CANARY}@127.0.0.1:9/state.git"):
        assert main(("validate", url)) == 1
        shown = capsys.readouterr()
        assert CANARY not in shown.out + shown.err


SECRETS = {
    "a key": KEY,
    "a cut key": KEY.partition("-----END")[0],
    "a url": ORIGIN,
    "a hash": f"alice:{{SSHA}}{CANARY}",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_guarantee_25_what_is_a_secret_by_its_form_is_masked_in_every_field_and_every_form(secret: str) -> None:
    plan = replace(plan_with(secret), host="h", instance="", config_directory="/c", mail_version="3.7", revision="r")
    assert CANARY not in everything(plan)
    review = replace(review_with(secret), base="b", head="h", hosts=())
    shown = [review_text.render(review), markdown.render_review(review).text, html.render_review(review)]
    assert CANARY not in "\n".join(shown)


def test_guarantee_25_an_error_shown_as_json_holds_no_secret_by_its_form() -> None:
    assert CANARY not in json.render_error(ReconcilerError(f"could not read {ORIGIN}: {KEY}"))
