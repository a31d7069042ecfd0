"""Hostile pull requests through validate, review and comment: nothing changes outside their own comment, all is inert.

The base is a valid repository; each head is what a stranger proposes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.hostile.payloads import ALL
from tests.hostile.test_repositories import HOST, REPOSITORIES, git
from tests.notify.forge.server import REPOSITORY, TOKEN, Server, serve
from tests.report.structure import of_html, of_markdown

BASE = """enforce: all
certificates: {default: unmanaged}
outgoing:
  security_level: may
  policies: {bank.example: encrypt}
"""
# What a comment is made of by our own words alone. Anything beside it would have come from the pull request.
OURS = {
    "html_block", "heading_open", "heading_close", "paragraph_open", "paragraph_close", "strong_open", "strong_close",
    "text", "code_inline", "fence",
}  # fmt: skip
TAGS = {"details", "summary", "code"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    (made / "hosts").mkdir(parents=True)
    (made / HOST).write_text(BASE)
    git(made, "init", "-q")
    git(made, "add", "--all")
    git(made, "commit", "-qm", "base")
    git(made, "checkout", "-qb", "topic")
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serve("github", is_app=True) as running:
        yield running


Play = Callable[[Path], tuple[str, str, str]]


@pytest.fixture
def play(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Play:
    """Review the head against main in every form, and comment; gives the comment, the page and what was printed."""
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    monkeypatch.setenv("RECONCILER_TRACEBACK", "1")

    def run(root: Path) -> tuple[str, str, str]:
        head = git(root, "rev-parse", "HEAD")
        server.commit = head
        server.comment("reader", "Somebody else's comment")
        change = ("--base", "main", "--head", head, "--repo", str(root))
        out = {form: tmp_path / f"review.{form}" for form in ("json", "html")}
        printed = ""
        for form, file in out.items():
            main(("review", *change, "--format", form, "--out", str(file)))
        main(("review", *change))
        main(("validate", str(root)))
        code = main(
            ("comment", "--from", str(out["json"]), "--forge", "github", "--api", server.api, "--repository", REPOSITORY,
             "--pull-request", "7", "--commit", head, "--status", "reconciler/review"),
        )  # fmt: skip
        shown = capsys.readouterr()
        printed = shown.out + shown.err
        assert code == 0, printed
        return server.comments[-1]["body"], out["html"].read_text(), printed

    return run


def commit(root: Path, host: str) -> None:
    (root / HOST).write_text(host)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "proposed")


def judge(server: Server, comment: str, page: str, printed: str) -> None:
    """Inert: our own structure, no steering character, and nothing written but one comment and one status."""
    tokens = of_markdown(comment)
    assert {token for token, *_ in tokens} <= OURS
    assert {
        tag for _, *tags in (it for it in tokens if it[0] == "html_block") for kind, tag, *_ in tags if kind == "start"
    } <= TAGS
    assert not {tag for kind, tag, *_ in of_html(page) if kind == "start"} & {
        "script",
        "img",
        "iframe",
        "a",
        "form",
        "svg",
    }
    for shown in (comment, page, printed):
        assert {
            it for it in shown if it not in "\n\t" and unicodedata.category(it) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        } == set()
    assert [it.partition(" ")[0] for it in server.writes()] == ["POST", "POST"]
    assert [it["user"] for it in server.comments] == ["reader", "github-actions[bot]"]
    assert server.comments[0]["body"] == "Somebody else's comment"
    assert len(server.statuses) == 1


def quoted(payload: str) -> str:
    return '"' + "".join(f"\\U{ord(it):08X}" if ord(it) < 0xD800 or ord(it) > 0xDFFF else "?" for it in payload) + '"'


@pytest.mark.parametrize("payload", ALL.values(), ids=ALL)
def test_guarantee_26_a_refused_state_is_commented_on_without_effect(root, play, server, payload: str) -> None:
    text = quoted(payload)
    commit(root, BASE + f"groups: [{text}]\n{text}: 1\nparameters: {{smtpd_tls_received_header: {text}}}\n")
    comment, page, printed = play(root)
    judge(server, comment, page, printed)
    assert "**Fails: state_invalid." in comment
    assert server.statuses[0]["state"] == "failure"


@pytest.mark.parametrize("name", ALL)
def test_guarantee_26_a_reason_that_anybody_may_write_is_commented_on_without_effect(root, play, server, name) -> None:
    until = "2026-12-31"
    waiver = f"waivers:\n  - {{guard: tls_weakened, at: table/tls_policy#bank.example, reason: {quoted(ALL[name])}, until: {until}}}\n"
    commit(root, BASE.replace("bank.example: encrypt", "bank.example: may") + waiver)
    comment, page, printed = play(root)
    judge(server, comment, page, printed)


@pytest.mark.parametrize("name", [it for it in REPOSITORIES if it not in ("submodule", "filter", "many")])
def test_a_hostile_repository_is_commented_on_as_invalid_and_nothing_else_happens(
    root, play, server, name: str
) -> None:
    REPOSITORIES[name](root)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "hostile")
    comment, page, printed = play(root)
    judge(server, comment, page, printed)
    assert "**Fails: " in comment
