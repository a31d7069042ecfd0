"""`reconciler review --comment`: review and comment in one step, over HTTP against a forge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.hostile.test_repositories import HOST, git
from tests.notify.forge.server import REPOSITORY, TOKEN, Server, serve

BASE = (
    "enforce: all\ncertificates: {default: unmanaged}\noutgoing: {security_level: may, policies: {a.example: LEVEL}}\n"
)
Reviewed = Callable[..., int]


@pytest.fixture(params=["github", "gitlab", "forgejo"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serve(request.param) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    (made / "hosts").mkdir(parents=True)
    git(made, "init", "-q")
    for branch, level in (("main", "encrypt"), ("stronger", "secure"), ("weaker", "may")):
        git(made, "checkout", "-q", *(("-b",) if branch != "main" else ("--orphan",)), branch)
        (made / HOST).write_text(BASE.replace("LEVEL", level))
        git(made, "add", "--all")
        git(made, "commit", "-qm", branch)
        git(made, "checkout", "-q", "main")
    return made


@pytest.fixture
def reviewed(server: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)

    def run(head: str, *more: str) -> int:
        server.commit = git(root, "rev-parse", head)
        change = ("--base", "main", "--head", head, "--repo", str(root))
        to = ("--comment", "--forge", server.kind, "--api", server.api, "--repository", REPOSITORY)
        return main(("review", *change, *to, "--pull-request", "7", *more))

    return run


def test_one_command_reviews_and_keeps_one_comment_and_one_status(reviewed, server: Server, capsys) -> None:
    assert reviewed("stronger", "--status", "reconciler/review", "--format", "json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["head"] == server.commit
    assert shown.err == f"Comment created on {REPOSITORY}#7.\n"
    assert reviewed("stronger", "--status", "reconciler/review") == 0
    assert len(server.comments) == 1
    assert "~ table/tls_policy#a.example = encrypt → secure".replace("~", "!") in server.comments[0]["body"]
    assert len(server.statuses) == 1


def test_a_base_that_has_moved_on_is_said_in_every_form_for_its_commits_are_shown_as_taken_back(root: Path, capsys):
    git(root, "commit", "-q", "--allow-empty", "-m", "main moves on")
    for form in ("text", "markdown", "html", "json"):
        change = ("--base", "main", "--head", "stronger", "--repo", str(root), "--format", form)
        assert main(("review", *change)) == 0
        assert "base_ahead" in capsys.readouterr().out
    base = git(root, "merge-base", "main", "stronger")
    assert main(("review", "--base", base, "--head", "stronger", "--repo", str(root))) == 0
    assert "base_ahead" not in capsys.readouterr().out


def test_a_change_that_leaves_no_host_file_fails_for_no_host_would_follow_it(root: Path, capsys) -> None:
    git(root, "checkout", "-q", "stronger")
    git(root, "rm", "-q", HOST)
    git(root, "commit", "-qm", "nothing left")
    assert main(("review", "--base", "main", "--head", "stronger", "--repo", str(root))) == 1
    assert "hosts:1:1: head has no hosts/*.yaml, so it declares nothing" in capsys.readouterr().out
    git(root, "checkout", "-q", "--orphan", "other")
    git(root, "commit", "-q", "--allow-empty", "-m", "not begun")
    assert main(("review", "--base", "other", "--head", "other", "--repo", str(root))) == 0


def test_a_change_that_fails_is_commented_on_and_fails_the_command(reviewed, server: Server) -> None:
    assert reviewed("weaker", "--status", "reconciler/review") == 1
    assert "**Fails: tls_weakened." in server.comments[0]["body"]
    assert [it.get("status", it.get("state")) for it in server.statuses][-1] in ("failure", "failed")


def test_what_a_comment_does_not_show_whole_is_not_passed(reviewed, root: Path, server: Server) -> None:
    git(root, "checkout", "-q", "stronger")
    long = f"{'x' * 60}.{'y' * 60}.example"
    rows = ", ".join(f"p{number}.{long}: encrypt" for number in range(5200 if server.kind == "gitlab" else 400))
    (root / HOST).write_text(BASE.replace("a.example: LEVEL", f"a.example: secure, {rows}"))
    git(root, "commit", "-qam", "many")
    assert reviewed("stronger") == 1
    assert server.comments[0]["body"].splitlines()[3].startswith("**Look at the full plan")


def test_what_is_missing_is_said_before_anything_is_planned_or_sent(root: Path, server: Server, monkeypatch, capsys):
    change = ("--base", "main", "--head", "stronger", "--repo", str(root))
    assert main(("review", *change, "--comment", "--forge", "github")) == 1
    assert capsys.readouterr().err == "a comment needs --repository, --pull-request too\n"
    monkeypatch.delenv("RECONCILER_FORGE_TOKEN", raising=False)
    to = ("--forge", server.kind, "--api", server.api, "--repository", REPOSITORY, "--pull-request", "7")
    assert main(("review", *change, "--comment", *to)) == 1
    shown = capsys.readouterr()
    assert (shown.out, server.seen) == ("", [])
    assert "RECONCILER_FORGE_TOKEN" in shown.err


def test_one_run_writes_every_form_that_is_asked_for_and_all_are_of_one_moment(root: Path, tmp_path: Path, capsys):
    files = {ending: tmp_path / f"review.{ending}" for ending in ("json", "html", "md", "txt")}
    also = [word for file in files.values() for word in ("--also", str(file))]
    assert main(("review", "--base", "main", "--head", "weaker", "--repo", str(root), *also)) == 1
    shown = capsys.readouterr().out
    assert shown == files["txt"].read_text()
    assert json.loads(files["json"].read_text())["failed_rules"] == ["tls_weakened"]
    assert files["html"].read_text().startswith("<!doctype html>")
    assert "**Fails: tls_weakened." in files["md"].read_text()


def test_a_file_whose_ending_names_no_form_is_refused_before_anything_is_planned(root: Path, tmp_path: Path, capsys):
    also = ("--also", str(tmp_path / "review.json"), "--also", "review.pdf")
    assert main(("review", "--base", "main", "--head", "weaker", "--repo", str(root), *also)) == 1
    shown = capsys.readouterr()
    assert shown.err == "--also review.pdf: its ending names no form; write one of .json, .html, .md, .txt\n"
    assert (shown.out, list(tmp_path.glob("review.*"))) == ("", [])
