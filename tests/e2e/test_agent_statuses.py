"""The agent says on a forge what became of a commit here: applied, then refused; and nothing without a token."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import STATE, Running
from tests.notify.forge.server import REPOSITORY, TOKEN, serve

pytestmark = pytest.mark.postfix


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", root, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_commit_has_the_status_of_what_became_of_it_on_this_host(site: Callable[..., Any], tmp_path: Path) -> None:
    mx = site(STATE)
    for arguments in (("init", "-q"), ("add", "--all"), ("commit", "-qm", "first")):
        git(mx.repo, *arguments)
    (tmp_path / "token").write_text(TOKEN)
    with serve("github", commit=git(mx.repo, "rev-parse", "HEAD")) as server:
        forge = f'\n[trust]\nsignatures = "off"\n\n[forge]\nkind = "github"\nurl = "{server.api}"\nrepository = "{REPOSITORY}"\nstatus_token_file = "{tmp_path}/token"\n'
        agent = Running(mx, tmp_path, forge, "--repo", mx.repo.as_uri())
        try:
            agent.wait_for(lambda: server.statuses)
            assert [(it["context"], it["state"], it["description"]) for it in server.statuses] == [
                ("reconciler/mx1.example.org", "success", "applied")
            ]
            mx.write(STATE.replace("security_level: may", "security_level: encrpyt"))
            git(mx.repo, "commit", "-qam", "second")
            server.commit = git(mx.repo, "rev-parse", "HEAD")
            agent.trigger.touch()
            agent.wait_for(lambda: len(server.statuses) > 1)
            assert [(it["state"], it["description"]) for it in server.statuses[1:]] == [
                ("failure", "failed: StateInvalid")
            ]
        finally:
            agent.stop()
        assert TOKEN not in "".join(agent.raw)
