"""The example's CI files do what they say: their commands are taken out of them and run in a checkout of the example."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.notify.forge.server import TOKEN, serve

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "state-repo-example"
GITHUB = (EXAMPLE / ".github/workflows/review.yaml", EXAMPLE / ".github/workflows/comment.yaml")
WORKFLOWS = (*GITHUB, EXAMPLE / ".forgejo/workflows/review.yaml")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_NOT_HERE = ("Install",)  # it downloads; what it installs is on the PATH already


@dataclass(frozen=True)
class Checkout:
    """A clone of the example with a change on it, and what a runner lays beside it."""

    root: Path
    base: str
    head: str
    runner: Path

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        done = subprocess.run(
            ["git", "-C", self.root, *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def run(self, script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """As a runner does: bash that stops at the first error."""
        own = {
            "PATH": f"{PROJECT / '.venv/bin'}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": str(self.runner),
            "RUNNER_TEMP": str(self.runner), "GITHUB_STEP_SUMMARY": str(self.runner / "summary.md"),
        }  # fmt: skip
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.root, env={**own, **environment}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "state"
    shutil.copytree(EXAMPLE, root)
    (tmp_path / "runner").mkdir()
    made = Checkout(root, "", "", tmp_path / "runner")
    made.git("init", "-q", "-b", "main")
    made.git("add", "--all")
    made.git("commit", "-qm", "The example")
    base = made.git("rev-parse", "HEAD")
    change(made, "policies/partners.map", "insurance.example ", "shipping.example encrypt\ninsurance.example ")
    return Checkout(root, base, made.git("rev-parse", "HEAD"), made.runner)


def change(made: Checkout, path: str, old: str, new: str) -> None:
    made.git("checkout", "-qB", "topic")
    file = made.root / path
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    made.git("commit", "-qam", "A change")


def steps(workflow: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, script and environment of each command."""
    read = yaml.safe_load(workflow.read_text())
    for job in read["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                yield step["name"], step["run"], {**job.get("env", {}), **step.get("env", {})}


def filled(environment: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """The environment with its expressions replaced, each by a fact that must be there."""
    return {name: _EXPRESSION.sub(lambda it: facts[it[1]], str(value)) for name, value in environment.items()}


def facts_of(checkout: Checkout, **more: str) -> dict[str, str]:
    event = "github.event.workflow_run"
    return {
        "github.event.pull_request.base.sha": checkout.base,
        "github.event.pull_request.head.sha": checkout.head,
        "github.event.pull_request.number": "7",
        "vars.RECONCILER_SNAPSHOTS": "",
        "github.token": TOKEN,
        f"{event}.head_sha": checkout.head,
        f"{event}.head_repository.owner.login": "fork",
        f"{event}.head_branch": "topic",
        "github.event.repository.default_branch": "main",
        f"{event}.html_url": "https://github.com/mail/state/actions/runs/1",
        **more,
    }


def play(checkout: Checkout, workflow: Path, environment: Mapping[str, str], *without: str) -> dict[str, int]:
    """Every command of a workflow in order; gives their exit codes."""
    codes = {}
    for name, script, own in steps(workflow):
        if name not in (*_NOT_HERE, *without):
            done = checkout.run(script, {**filled(own, facts_of(checkout)), **environment})
            codes[name] = done.returncode
    return codes


def test_the_commands_of_github_review_the_change_and_comment_on_it(checkout: Checkout) -> None:
    review, comment = GITHUB
    assert play(checkout, review, {}, "Fetch") == {"Review": 0, "Summary": 0}
    made = json.loads((checkout.root / "review/review.json").read_text())
    assert (made["base"], made["head"], made["judgement"]) == (checkout.base, checkout.head, "warn")
    assert [host["host"] for host in made["hosts"]] == ["mx1.example.org"]
    assert "shipping.example" in (checkout.runner / "summary.md").read_text()
    assert (checkout.root / "review/review.html").read_text().startswith("<!doctype html>")

    shutil.move(checkout.root / "review", checkout.runner / "review")  # the artefact's way
    with serve("github", is_app=True, commit=checkout.head) as server:
        server.pulls = [{"number": 7, "head": {"sha": checkout.head}, "base": {"ref": "main"}}]
        api = {"GITHUB_API_URL": server.api, "GITHUB_REPOSITORY": "mail/state"}
        assert play(checkout, comment, api) == {"Comment": 0}
        assert play(checkout, comment, api) == {"Comment": 0}
        assert len(server.comments) == 1
        assert "+ table/tls_policy#shipping.example = encrypt" in server.comments[0]["body"]
        assert [(it["context"], it["state"]) for it in server.statuses] == [("reconciler/review", "success")]


def test_a_change_that_weakens_tls_fails_the_check_by_the_name_of_its_rule(checkout: Checkout) -> None:
    change(
        checkout,
        "policies/partners.map",
        "insurance.example           secure match=nexthop:dot-nexthop",
        "insurance.example may",
    )
    weaker = Checkout(checkout.root, checkout.base, checkout.git("rev-parse", "HEAD"), checkout.runner)
    assert play(weaker, GITHUB[0], {}, "Fetch") == {"Review": 1, "Summary": 0}
    assert "**Fails: tls_weakened." in (checkout.runner / "summary.md").read_text()
    assert json.loads((checkout.root / "review/review.json").read_text())["failed_rules"] == ["tls_weakened"]


def test_a_shared_change_of_the_example_is_planned_for_each_host_though_none_has_published(checkout: Checkout) -> None:
    change(checkout, "profiles/house.yaml", "RC4, 3DES ", "RC4, 3DES, aNULL ")
    shared = Checkout(checkout.root, checkout.base, checkout.git("rev-parse", "HEAD"), checkout.runner)
    assert play(shared, GITHUB[0], {}, "Fetch") == {"Review": 0, "Summary": 0}
    made = json.loads((checkout.root / "review/review.json").read_text())
    assert [(host["host"], host["problems"]) for host in made["hosts"]] == [
        ("mx1.example.org", []),
        ("submit1.example.org", []),
    ]


def test_the_commands_of_forgejo_review_the_change_and_comment_on_it(checkout: Checkout) -> None:
    with serve("forgejo", commit=checkout.head) as server:
        place = {"GITHUB_SERVER_URL": server.url, "GITHUB_REPOSITORY": "mail/state"}
        assert play(checkout, WORKFLOWS[2], place, "Fetch") == {"Review": 0}
        assert "shipping.example" in server.comments[0]["body"]
        assert [(it["context"], it["status"]) for it in server.statuses] == [("reconciler/review", "success")]
        assert server.statuses[0]["target_url"] == f"{server.url}/mail/state/actions"


@pytest.mark.parametrize("workflow", [GITHUB[0], WORKFLOWS[2]], ids=["github", "forgejo"])
def test_the_fetch_takes_both_ends_with_all_between_and_checks_out_the_base_alone(
    checkout: Checkout, workflow: Path
) -> None:
    server = checkout.runner / "forge/mail/state.git"
    subprocess.run(["git", "clone", "-q", "--bare", checkout.root, server], check=True)
    subprocess.run(["git", "-C", server, "update-ref", "refs/pull/7/head", checkout.head], check=True)
    subprocess.run(["git", "-C", server, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
    work = Checkout(checkout.runner / "work", checkout.base, checkout.head, checkout.runner)
    work.root.mkdir()
    place = {"GITHUB_SERVER_URL": f"file://{checkout.runner}/forge", "GITHUB_REPOSITORY": "mail/state"}
    assert play(work, workflow, place, "Review", "Summary") == {"Fetch": 0}
    assert work.git("rev-parse", "HEAD") == checkout.base
    assert work.git("merge-base", "HEAD", checkout.head) == checkout.base
    assert work.git("reflog", "--format=%H").split() == [checkout.base]  # the head was in no work tree
    assert TOKEN not in (work.root / ".git/config").read_text()


def test_the_commands_of_gitlab_review_the_change_and_comment_on_it(checkout: Checkout) -> None:
    read: dict[str, Any] = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text())
    checkout.git("fetch", "-q", ".", "main")  # what .install does from the forge
    checkout.git("checkout", "-q", "--detach", "FETCH_HEAD")
    done = checkout.run("\n".join(read["review"]["script"]), {"CI_COMMIT_SHA": checkout.head})
    assert done.returncode == 0, done.stdout + done.stderr
    with serve("gitlab", commit=checkout.head) as server:
        environment = {
            "CI_API_V4_URL": server.api, "CI_PROJECT_PATH": "mail/state", "CI_MERGE_REQUEST_IID": "7",
            "CI_COMMIT_SHA": checkout.head, "CI_PIPELINE_URL": "https://gitlab.com/x", "RECONCILER_FORGE_TOKEN": TOKEN,
        }  # fmt: skip
        done = checkout.run("\n".join(read["comment"]["script"]), environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "shipping.example" in server.comments[0]["body"]
        assert [(it["name"], it["status"]) for it in server.statuses] == [("reconciler/review", "success")]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_runner_takes_no_command_from_the_log_once_the_change_is_read(checkout: Checkout, workflow: Path) -> None:
    script, own = next((script, own) for name, script, own in steps(workflow) if name in ("Review", "Comment"))
    change(checkout, "hosts/mx1.example.org.yaml", "enforce: all", "enforce: ['##[add-mask]x']")
    hostile = Checkout(checkout.root, checkout.base, checkout.git("rev-parse", "HEAD"), checkout.runner)
    done = hostile.run(script, {**filled(own, facts_of(hostile)), "GITHUB_SERVER_URL": "http://127.0.0.1:1"})
    log = done.stdout.splitlines()
    assert re.fullmatch(r"::stop-commands::[0-9a-f]{64}", log[0])
    assert log[0].rpartition("::")[2] not in "".join(log[1:])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_every_action_is_pinned_by_commit_and_no_script_is_built_from_what_others_wrote(workflow: Path) -> None:
    text = workflow.read_text()
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", it) for it in re.findall(r"- uses: (.*)", text))
    assert "secrets." not in text
    assert not [name for name, script, _ in steps(workflow) if "${{" in script]


def test_on_github_what_reads_the_pull_request_has_no_right_to_write_and_keeps_no_credentials() -> None:
    review, comment = (yaml.safe_load(path.read_text()) for path in GITHUB)
    assert review[True] == "pull_request"  # `on`, as YAML reads it
    assert review["permissions"] == comment["permissions"] == {}
    assert review["jobs"]["review"]["permissions"] == {"contents": "read"}
    assert comment[True] == {"workflow_run": {"workflows": ["review"], "types": ["completed"]}}
    checkouts = [
        step
        for it in (review, comment)
        for job in it["jobs"].values()
        for step in job["steps"]
        if "checkout" in step.get("uses", "")
    ]
    assert [step["with"] for step in checkouts] == [{"persist-credentials": False}]  # the default branch, and its alone


def test_on_github_a_run_that_was_cancelled_or_waits_for_consent_is_not_commented_on() -> None:
    condition = yaml.safe_load(GITHUB[1].read_text())["jobs"]["comment"]["if"]
    assert condition == (
        "github.event.workflow_run.event == 'pull_request' && "
        """contains(fromJSON('["success", "failure"]'), github.event.workflow_run.conclusion)"""
    )


def test_a_branch_that_has_nothing_in_common_with_its_base_is_told_so(checkout: Checkout) -> None:
    checkout.git("checkout", "-q", "--orphan", "other")
    checkout.git("commit", "-qm", "From nothing")
    other = Checkout(checkout.root, checkout.base, checkout.git("rev-parse", "HEAD"), checkout.runner)
    for script, own in ((script, own) for it in WORKFLOWS for name, script, own in steps(it) if name == "Review"):
        done = other.run(script, filled(own, facts_of(other)))
        assert (done.returncode, done.stderr) == (1, "no commit in common with the base\n")
    read = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text())
    other.git("fetch", "-q", ".", "main")
    done = other.run("\n".join(read["review"]["script"]), {"CI_COMMIT_SHA": other.head})
    assert (done.returncode, done.stderr) == (1, "no commit in common with the base\n")


def test_the_hook_refuses_a_commit_whose_state_is_not_valid_and_looks_at_what_is_staged(checkout: Checkout) -> None:
    checkout.git("config", "core.hooksPath", "hooks")
    file = checkout.root / "hosts/mx1.example.org.yaml"
    valid = file.read_text()
    file.write_text(valid.replace("security_level: may ", "security_level: encrpyt ", 1))
    commit = "git -c user.name=t -c user.email=t@example.org commit -qm x"
    assert checkout.run(f"git add --all; {commit}", {}).returncode == 1
    file.write_text(valid)
    assert checkout.run(commit, {}).returncode == 1  # what is staged is still wrong
    (checkout.root / "notes.txt").write_text("x")
    assert checkout.run(f"git add --all; {commit}", {}).returncode == 0


def test_the_pre_commit_configuration_runs_what_the_hook_runs(checkout: Checkout) -> None:
    hooks = yaml.safe_load((EXAMPLE / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [checkout.run(hook["entry"], {}).returncode for hook in hooks] == [0]
