"""`reconciler comment` as a job runs it: a review from somebody else's job, a token, and a forge over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli.main import main
from reconciler.model.review import Review
from reconciler.report import markdown, review_json
from tests.notify.forge.server import COMMIT, REPOSITORY, TOKEN, Fault, Server, serve
from tests.report.conftest import review_with

Comment = Callable[..., int]


@pytest.fixture(params=["github", "gitlab", "forgejo"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serve(request.param) as running:
        yield running


@pytest.fixture
def review() -> Review:
    return replace(review_with("mx1.example.org"), head=COMMIT)


@pytest.fixture
def comment(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comment:
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)

    def run(review: str, *more: str, which: tuple[str, ...] = ("--pull-request", "7")) -> int:
        file = tmp_path / "review.json"
        file.write_text(review)
        common = ("--forge", server.kind, "--api", server.api, "--repository", REPOSITORY, "--commit", COMMIT)
        return main(("comment", "--from", str(file), *common, *which, *more))

    return run


def test_the_comment_is_made_anew_from_the_json(comment: Comment, server: Server, review: Review, capsys) -> None:
    assert comment(review_json.render(review), "--status", "reconciler/review") == 0
    forge = markdown.Forge(server.kind)
    assert [it["body"] for it in server.comments] == [markdown.render_review(review, forge).text]
    assert [(it["status"], it["description"]) for it in server.statuses] == [
        ("failed" if server.kind == "gitlab" else "failure",
         "Fails: tls_weakened. 4 hosts touched, 2 not: 13 to add, 15 to change, 13 to remove, 3 to forget."),
    ]  # fmt: skip
    assert capsys.readouterr().out == f"Comment created on {REPOSITORY}#7.\n"


def test_the_token_may_stand_in_a_file(comment: Comment, server: Server, review: Review, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("RECONCILER_FORGE_TOKEN")
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\nwhat else stands there\n")
    assert comment(review_json.render(review), "--token-file", str(secret)) == 0
    assert len(server.comments) == 1


def test_without_a_token_nothing_is_sent(comment: Comment, server: Server, review: Review, monkeypatch, capsys) -> None:
    monkeypatch.delenv("RECONCILER_FORGE_TOKEN")
    assert comment(review_json.render(review)) == 1
    assert server.seen == []
    assert capsys.readouterr().err == "no token; set RECONCILER_FORGE_TOKEN, or name a file that holds it\n"


def test_a_review_of_another_commit_is_not_shown_on_this_pull_request(comment, server: Server, review, capsys) -> None:
    assert comment(review_json.render(replace(review, head="f" * 40))) == 1
    assert server.seen == []
    assert f"it is a review of '{'f' * 40}', and not of {COMMIT}\n" in capsys.readouterr().err


def test_the_pull_request_is_found_by_its_branch_and_its_head(comment, server: Server, review) -> None:
    head = {"sha": COMMIT, "ref": "topic", "repo": {"owner": {"login": "fork"}}}
    server.pulls = [{"number": 7, "iid": 7, "sha": COMMIT, "head": head}]
    assert comment(review_json.render(review), which=("--source", "fork:topic")) == 0
    assert len(server.comments) == 1


def test_a_pull_request_into_another_branch_sets_no_status_though_its_head_is_the_same(
    comment, server: Server, review, capsys
) -> None:
    head = {"sha": COMMIT, "ref": "topic", "repo": {"owner": {"login": "fork"}}}
    aside, there = (
        {"number": n, "iid": n, "sha": COMMIT, "head": head, "base": {"ref": branch}, "target_branch": branch}
        for n, branch in ((6, "old"), (7, "main"))
    )
    which = ("--source", "fork:topic", "--into", "main", "--status", "reconciler/review")
    server.pulls = [aside]
    assert comment(review_json.render(review), which=which) == 1
    assert server.writes() == []
    assert capsys.readouterr().err == f"no open pull request from 'fork:topic' at {COMMIT[:12]} into 'main'\n"
    server.pulls = [aside, there]
    assert comment(review_json.render(review), which=which) == 0
    assert (len(server.comments), len(server.statuses)) == (1, 1)
    assert comment(review_json.render(review), which=("--pull-request", "7", "--into", "main")) == 1


def test_a_review_that_the_change_could_have_made_itself_is_not_shown(comment, server: Server, review) -> None:
    server.files = [f"hosts/mx{n}.example.org.yaml" for n in range(7)] + [".github/workflows/review.yaml"]
    passing = replace(review, remarks=(), hosts=())
    distrust = ("--unless-changed", "ci", "--unless-changed", ".github/", "--status", "reconciler/review")
    assert comment(review_json.render(passing), *distrust) == 1
    assert server.comments[0]["body"] == markdown.not_believed(".github/workflows/review.yaml").text
    assert server.statuses[-1]["description"] == "Not shown: the change would have made its own review."
    server.files = [".github-like/x", "hosts/ci"]
    assert comment(review_json.render(passing), *distrust) == 0
    assert server.comments[0]["body"] == markdown.render_review(passing, markdown.Forge(server.kind)).text
    assert server.statuses[-1]["description"] == "Passes. No host is touched."


def test_a_head_that_moves_while_its_files_are_listed_gets_no_comment(comment, server: Server, review, capsys) -> None:
    class Moving(list):
        def __iter__(self):
            server.pulls = []  # the next push is there
            return super().__iter__()

    head = {"sha": COMMIT, "ref": "topic", "repo": {"owner": {"login": "fork"}}}
    server.pulls = [{"number": 7, "iid": 7, "sha": COMMIT, "head": head}]
    server.files = Moving(["hosts/mx1.example.org.yaml"])
    which = ("--source", "fork:topic")
    assert comment(review_json.render(review), "--unless-changed", ".github", which=which) == 1
    assert server.writes() == []
    assert capsys.readouterr().err.startswith("no open pull request from 'fork:topic'")


def test_more_files_than_the_forge_lists_could_hide_any_other(comment, server: Server, review) -> None:
    server.page = 100
    server.files = [f"!{n:05}" for n in range(3000)]
    assert comment(review_json.render(replace(review, remarks=(), hosts=())), "--unless-changed", ".github") == 1
    told = "1000 files or more" if server.kind == "gitlab" else "3000 files or more"
    assert server.comments[0]["body"] == markdown.not_believed(told).text


def test_an_artefact_that_is_a_link_or_a_pipe_is_not_followed(
    server: Server, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("RECONCILER_FORGE_TOKEN", TOKEN)
    (tmp_path / "link").symlink_to("/proc/self/environ")
    os.mkfifo(tmp_path / "pipe")
    common = ("--forge", server.kind, "--api", server.api, "--repository", REPOSITORY, "--commit", COMMIT)
    for name in ("link", "pipe"):
        assert main(("comment", "--from", str(tmp_path / name), *common, "--pull-request", "7")) == 1
        shown = capsys.readouterr()
        assert TOKEN not in shown.out + shown.err
    assert server.seen == []


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"errored": true}',
        "[" * 10_000,
        "<h1>Approved</h1>",
        '{"format_version": "9.0", "errored": false}',
    ],
)
def test_what_is_no_review_is_refused_in_one_line_and_nothing_is_sent(comment, server: Server, capsys, foreign) -> None:
    assert comment(foreign) == 1
    assert server.seen == []
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def too_long(review: Review) -> str:
    """A review that passes, and that no comment shows whole."""
    host = replace(review.hosts[2], remarks=())
    assert host.plan
    many = replace(host, plan=replace(host.plan, changes=host.plan.changes * 1000, guards=()))
    return review_json.render(replace(review, remarks=(), hosts=(many,)))


def test_a_comment_that_was_cut_fails_the_command_with_a_status_or_without(comment, server, too_long, capsys) -> None:
    assert comment(too_long) == 1
    assert capsys.readouterr().out.endswith(". Too long for a comment: look at the full plan.\n")
    assert "**Look at the full plan" in server.comments[0]["body"]
    assert server.statuses == []
    assert comment(too_long, "--status", "reconciler/review") == 1


def test_a_status_for_a_comment_that_was_cut_is_a_failure_whatever_the_review_says(comment, server, too_long) -> None:
    assert comment(too_long, "--status", "reconciler/review", "--full", "https://ci.example.org/1") == 1
    assert server.statuses[-1]["status"] in ("failure", "failed")
    assert server.statuses[-1]["description"] == "Too long for a comment: look at the full plan."
    assert "**Look at the full plan" in server.comments[0]["body"]


def test_a_review_larger_than_is_read_takes_the_place_of_the_comment_before_it(
    comment, server: Server, review, capsys
) -> None:
    assert comment(review_json.render(replace(review, remarks=(), hosts=())), "--status", "reconciler/review") == 0
    host = next(it for it in review.hosts if it.plan)
    many = replace(host, plan=replace(host.plan, drift=host.plan.drift[:1] * 100_001))
    assert comment(review_json.render(replace(review, hosts=(many,))), "--status", "reconciler/review") == 1
    assert [it["body"] for it in server.comments] == [markdown.too_large().text]
    assert "Do not approve" in server.comments[0]["body"]
    assert server.statuses[-1]["status"] in ("failure", "failed")
    shown = capsys.readouterr()
    assert shown.err.endswith("review.json: hosts.0.plan.drift: longer than is read\n")
    assert shown.out.endswith("Comment updated on mail/state#7. Too long for a comment: look at the full plan.\n")


def test_guarantee_25_the_token_is_in_no_output_and_no_error(comment, server: Server, review, capsys) -> None:
    server.faults.append(Fault(422, {}, json.dumps({"message": f"no {TOKEN}"}).encode()))
    assert comment(review_json.render(review)) == 1
    seen = capsys.readouterr()
    assert TOKEN not in seen.out + seen.err
    assert "(masked)" in seen.err
