"""A state repository behind a git URL: a bare clone, its blobs read from the tree of one commit.

Nothing is ever checked out, so no filter, hook, attribute or symbolic link of the repository takes effect.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator

from git import GitCommandError, Repo
from git.objects import Blob, Tree
from git.objects.submodule.base import Submodule

from reconciler.errors import SourceUnreadable
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source.layout import FOLDERS, MAX_FILES, check_count, is_misnamed, is_state, limit, refuse, too_large

_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_COMPLAINTS = ("fatal: ", "error: ")
_PROGRESS = "Cloning into "
_REMOTE_GONE = "Could not read from remote repository"  # all that git knows of where ssh(1) failed
_SECONDS = 60
_FORMAT, _REGULAR = 0o170000, 0o100000
_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "LC_ALL": "C",
}


def read(url: str, *, branch: str = "", subdirectory: str = "") -> RepoSnapshot:
    """Read the state at the tip of `branch` (the remote's default where empty), below `subdirectory` of the tree.

    Raises SourceUnreadable where the remote, the branch or the folder is not to be had, StateInvalid where the tree
    holds a symbolic link or a submodule in place of a state file, or too much.
    """
    if branch and not _REF.fullmatch(branch):
        raise SourceUnreadable(f"{branch!r} is no branch name")
    shown = _CREDENTIALS.sub("", url)
    with tempfile.TemporaryDirectory(prefix="reconciler-source-") as directory:
        options = ["--bare", "--depth=1", "--single-branch", "--no-tags", *([f"--branch={branch}"] if branch else [])]
        try:
            repo = Repo.clone_from(
                url, directory, multi_options=options, env=_ENVIRONMENT, kill_after_timeout=_SECONDS,
                allow_unsafe_options=False,
            )  # fmt: skip
        except GitCommandError as error:
            raise SourceUnreadable(f"{shown}: {_complaint(error.stderr)}") from None
        with repo:
            if not repo.head.is_valid():
                raise SourceUnreadable(f"{shown}: the branch has no commit")
            commit = repo.head.commit
            files = dict(_files(_below(commit.tree, subdirectory, shown)))
            revision = commit.hexsha
    check_count(files, shown)
    return RepoSnapshot(files, revision, shown)


def _complaint(stderr: str) -> str:
    """What went wrong, in one line: git's first complaint, or what ssh(1) said before it, and no advice."""
    text = _CREDENTIALS.sub("", stderr).strip().removeprefix("stderr:").strip(" '\n")
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith(_PROGRESS)]
    complaints = [at for at, line in enumerate(lines) if line.startswith(_COMPLAINTS)]
    if not complaints:
        return lines[0] if lines else "git could not clone it"
    at = complaints[0]
    if at and _REMOTE_GONE in lines[at]:
        at -= 1
    return lines[at].partition(": ")[2] if lines[at].startswith(_COMPLAINTS) else lines[at]


def _below(tree: Tree, subdirectory: str, shown: str) -> Tree:
    for name in filter(None, subdirectory.strip("/").split("/")):
        found = next((item for item in tree.trees if _name(item) == name), None)
        if found is None:
            raise SourceUnreadable(f"{shown}: there is no folder {subdirectory!r} in it")
        tree = found
    return tree


def _files(tree: Tree) -> Iterator[tuple[str, bytes]]:
    count = 0
    for path, item in _entries(tree):
        if is_misnamed(path):
            raise refuse(path, "only files that end in .yaml are read", f"rename it to {path.removesuffix('yml')}yaml")
        if not is_state(path):
            continue
        count += 1
        if count > MAX_FILES:
            raise refuse(path, f"more than {MAX_FILES} state files", "split the repository")
        if not isinstance(item, Blob) or item.mode & _FORMAT != _REGULAR:
            raise refuse(path, "a symbolic link or a submodule; state files are read as they are", "put the file there")
        if item.size > limit(path):
            raise too_large(path, item.size)
        yield path, item.data_stream.read()


def _entries(tree: Tree) -> Iterator[tuple[str, Tree | Blob | Submodule]]:
    for item in tree:
        name = _name(item)
        if name in FOLDERS and not isinstance(item, Tree):
            raise refuse(name, "a symbolic link or a file in place of a folder", "put the folder itself there")
        if isinstance(item, Tree):
            yield from ((f"{name}/{_name(inner)}", inner) for inner in item if name in FOLDERS)
        else:
            yield name, item


def _name(item: Tree | Blob | Submodule) -> str:
    """The last part of its path: a submodule has no other name without its .gitmodules."""
    return str(item.path).rpartition("/")[2]
