from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler import source
from reconciler.errors import SourceUnreadable, StateInvalid

HOST = b"enforce: all\n"


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", directory, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    (root / "hosts").mkdir(parents=True)
    (root / "hosts/mx1.example.org.yaml").write_bytes(HOST)
    (root / "README.md").write_text("not a state file")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_a_directory_and_a_clone_hold_the_same_files(repository: Path) -> None:
    plain = source.read(str(repository))
    cloned = source.read(repository.as_uri())
    assert plain.files == cloned.files == {"hosts/mx1.example.org.yaml": HOST}
    assert cloned.revision == git(repository, "rev-parse", "HEAD")
    assert plain.revision.startswith("sha256:")


def test_the_revision_of_a_directory_is_that_of_its_content(repository: Path) -> None:
    first = source.read(str(repository)).revision
    (repository / "README.md").write_text("other")
    assert source.read(str(repository)).revision == first
    (repository / "hosts/mx1.example.org.yaml").write_bytes(b"enforce: [incoming]\n")
    assert source.read(str(repository)).revision != first


def test_a_branch_and_a_folder_can_be_named(repository: Path) -> None:
    git(repository, "checkout", "-qb", "next")
    (repository / "mail/hosts").mkdir(parents=True)
    (repository / "mail/hosts/a.yaml").write_bytes(HOST)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "second")
    git(repository, "checkout", "-q", "main")
    assert list(source.read(repository.as_uri(), branch="next", subdirectory="mail").files) == ["hosts/a.yaml"]
    assert list(source.read(repository.as_uri()).files) == ["hosts/mx1.example.org.yaml"]


@pytest.mark.parametrize("through", ["directory", "git"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_symbolic_link_is_refused(repository: Path, through: str, kind: str) -> None:
    if kind == "file":
        (repository / "hosts/evil.yaml").symlink_to("/etc/passwd")
    else:
        (repository / "policies").symlink_to("/etc")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "evil")
    where = str(repository) if through == "directory" else repository.as_uri()
    with pytest.raises(StateInvalid, match="symbolic link"):
        source.read(where)


def test_a_submodule_in_place_of_a_folder_is_refused(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{commit},policies")
    git(repository, "commit", "-qm", "submodule")
    with pytest.raises(StateInvalid, match="in place of a folder"):
        source.read(repository.as_uri())


def test_hooks_filters_and_attributes_of_the_repository_do_nothing(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    (repository / ".gitattributes").write_text("*.yaml filter=evil\n")
    git(repository, "config", "filter.evil.smudge", f"touch {marker}")
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "attributes")
    source.read(repository.as_uri())
    assert not marker.exists()


def test_a_file_over_the_limit_is_refused(repository: Path) -> None:
    (repository / "hosts/big.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(StateInvalid, match="at most 1048576 are read"):
        source.read(str(repository))


def test_a_misnamed_file_is_not_passed_over_in_silence(repository: Path) -> None:
    (repository / "hosts/mx2.example.org.yml").write_bytes(HOST)
    with pytest.raises(StateInvalid, match=r"hosts/mx2.example.org.yml:1:1: only files that end in .yaml are read"):
        source.read(str(repository))


@pytest.mark.parametrize(
    "where",
    [
        "/nonexistent",
        "ext::sh -c true",
        "--upload-pack=touch /tmp/x",
        "file:///nonexistent.git",
        "https://127.0.0.1:1/x.git",
    ],
)
def test_what_cannot_be_read_is_one_typed_error(where: str) -> None:
    with pytest.raises(SourceUnreadable):
        source.read(where)


@pytest.mark.parametrize("branch", ["--upload-pack=x", "nonexistent", "a b"])
def test_a_branch_that_is_none_is_one_typed_error(repository: Path, branch: str) -> None:
    with pytest.raises(SourceUnreadable):
        source.read(repository.as_uri(), branch=branch)


def test_an_empty_directory_declares_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateInvalid, match="declares nothing"):
        source.read(str(tmp_path))


def test_a_credential_in_a_url_is_never_shown() -> None:
    with pytest.raises(SourceUnreadable) as refused:
        source.read("https://user:s3cret@127.0.0.1:1/state.git")
    assert "s3cret" not in str(refused.value)


def test_the_first_complaint_of_git_is_told_and_not_its_advice(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(SourceUnreadable) as refused:
        source.read(f"file://{tmp_path}/none.git")
    assert str(refused.value).endswith(f"none.git: '{tmp_path}/none.git' does not appear to be a git repository")
    with pytest.raises(SourceUnreadable, match=r"state: Remote branch none not found in upstream origin$"):
        source.read(repository.as_uri(), branch="none")


def test_where_ssh_failed_its_own_words_are_told() -> None:
    with pytest.raises(SourceUnreadable) as refused:
        source.read("ssh://user:s3cret@127.0.0.1:1/state.git")
    assert str(refused.value).startswith("ssh://127.0.0.1:1/state.git: ")
    assert "Could not read from remote repository" not in str(refused.value)
    assert "s3cret" not in str(refused.value)
