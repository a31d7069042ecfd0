"""The state at a revision, from git's objects: the same as a checkout would give, and nothing that a tree can do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconciler import source
from reconciler.errors import SourceUnreadable, StateInvalid
from reconciler.source.revision import LocalRepository

HOST = "hosts/mx1.example.org.yaml"


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", directory, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    (root / "hosts").mkdir(parents=True)
    (root / "policies").mkdir()
    (root / HOST).write_bytes(b"enforce: all\n")
    (root / "policies/p.map").write_bytes(b"")
    (root / "README.md").write_text("not a state file")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def commit(repository: Path, message: str = "next") -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", message)


def test_two_revisions_are_read_whatever_is_checked_out(repository: Path):
    first = source.read(str(repository)).files
    (repository / HOST).write_bytes(b"enforce: [incoming]\n")
    commit(repository)
    (repository / HOST).write_bytes(b"neither\n")
    it = LocalRepository(str(repository))
    assert it.at("HEAD~1").files == first
    assert it.at("main").files[HOST] == b"enforce: [incoming]\n"
    assert it.at("HEAD").revision == git(repository, "rev-parse", "HEAD")


def test_a_bare_repository_and_a_folder_in_it_are_read(repository: Path, tmp_path: Path):
    (repository / "mail").mkdir()
    git(repository, "mv", "hosts", "mail/hosts")
    commit(repository)
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare")
    assert LocalRepository(str(tmp_path / "bare"), "mail").at("HEAD").files == {HOST: b"enforce: all\n"}


@pytest.mark.parametrize("revision", ["nowhere", "-x", "--output=/tmp/x", "HEAD:hosts", "", "a b", "HEAD\n", "x" * 300])
def test_what_is_no_revision_is_refused(repository: Path, revision: str):
    with pytest.raises(SourceUnreadable):
        LocalRepository(str(repository)).at(revision)


def test_what_is_no_repository_and_no_folder_is_refused(repository: Path, tmp_path: Path):
    for directory, folder in ((tmp_path / "none", ""), (tmp_path, ""), (repository, "none"), (repository, "../x")):
        with pytest.raises(SourceUnreadable):
            LocalRepository(str(directory), folder).at("HEAD")


def test_what_is_missing_is_said_in_words_and_not_in_gits(repository: Path, tmp_path: Path):
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{repository}", "partial")
    with pytest.raises(SourceUnreadable, match=r"could not fetch .*; fetch it whole, without a filter$"):
        LocalRepository(str(tmp_path / "partial")).at("HEAD")
    with pytest.raises(SourceUnreadable, match=r": [0-9a-f]{12} has no folder 'mail'$"):
        LocalRepository(str(repository), "mail").at("HEAD")


def test_whether_one_revision_goes_on_from_another_is_known_where_history_is_there(repository: Path, tmp_path: Path):
    (repository / "README.md").write_text("x")
    commit(repository)
    git(repository, "branch", "topic", "HEAD~1")
    base, head = git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "topic")
    it = LocalRepository(str(repository))
    assert (it.contains(base, head), it.contains(head, base), it.contains(base, base)) == (False, True, True)
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{repository}", "shallow")
    assert LocalRepository(str(tmp_path / "shallow")).contains(base, head)


@pytest.mark.parametrize("path", [HOST, "hosts", "fleet.yaml"])
def test_a_symbolic_link_is_refused_and_not_followed(repository: Path, path: str):
    git(repository, "rm", "-rq", "--ignore-unmatch", path)
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).symlink_to("/etc/passwd")
    commit(repository)
    with pytest.raises(StateInvalid):
        LocalRepository(str(repository)).at("HEAD")


@pytest.mark.parametrize(("path", "content"), [("profiles/x.yml", b""), (HOST, b"#" * ((1 << 20) + 1))])
def test_what_is_too_large_or_misnamed_is_refused(repository: Path, path: str, content: bytes):
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_bytes(content)
    commit(repository)
    with pytest.raises(StateInvalid):
        LocalRepository(str(repository)).at("HEAD")


def test_nothing_of_a_hostile_repository_runs(repository: Path, tmp_path: Path):
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    (repository / ".gitattributes").write_text("*.yaml filter=evil diff=evil\n")
    commit(repository)
    for name in ("filter.evil.smudge", "diff.evil.textconv", "core.fsmonitor", "core.sshCommand", "gpg.program"):
        git(repository, "config", name, str(program))
    hooks = repository / ".git/hooks"
    for name in ("post-checkout", "reference-transaction"):
        os.symlink(program, hooks / name)
    assert HOST in LocalRepository(str(repository)).at("HEAD").files
    assert not ran.exists()


def fed(repository: Path, stdin: str, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", repository, *arguments], input=stdin, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("folder", ["bomb", "hosts"])
def test_a_few_trees_that_hold_themselves_a_billion_times_are_not_walked(repository: Path, folder: str):
    blob = fed(repository, "x", "hash-object", "-w", "--stdin")
    tree = fed(repository, f"100644 blob {blob}\tx\n", "mktree")
    for _ in range(9):
        tree = fed(repository, "".join(f"040000 tree {tree}\tt{number}\n" for number in range(10)), "mktree")
    whole = fed(repository, "", "ls-tree", "HEAD").replace("\thosts", "\tothers") if folder == "hosts" else ""
    whole = whole or fed(repository, "", "ls-tree", "HEAD")
    bomb = fed(repository, f"{whole}\n040000 tree {tree}\t{folder}\n", "mktree")
    git(repository, "update-ref", "refs/heads/bomb", git(repository, "commit-tree", bomb, "-m", "bomb"))
    assert LocalRepository(str(repository)).at("bomb").files.keys() <= {HOST, "policies/p.map"}


def test_what_is_small_in_a_pack_and_large_outside_is_refused_before_it_is_read(repository: Path):
    (repository / "policies/zeros.map").write_bytes(bytes(200 << 20))
    for number in range(2):
        (repository / f"policies/zeros{number}.map").hardlink_to(repository / "policies/zeros.map")
    commit(repository)
    with pytest.raises(StateInvalid, match="bytes altogether"):
        LocalRepository(str(repository)).at("HEAD")
