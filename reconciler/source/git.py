"""A state repository behind a git URL, once and without trust: a shallow bare clone that is gone afterwards.

Nothing is ever checked out, so no filter, hook, attribute or symbolic link of the repository takes effect.
"""

from __future__ import annotations

import tempfile

from git import Repo

from reconciler.errors import SourceUnreadable
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source import tree
from reconciler.source.layout import check_count
from reconciler.source.program import call
from reconciler.source.remote import Remote


def read(url: str, *, branch: str = "", subdirectory: str = "") -> RepoSnapshot:
    """Read the state at the tip of `branch` (the remote's default where empty), below `subdirectory` of the tree.

    Raises SourceUnreadable where the remote, the branch or the folder is not to be had, StateInvalid where the tree
    holds a symbolic link or a submodule in place of a state file, or too much.
    """
    remote = Remote(url, branch=branch, subdirectory=subdirectory)
    remote.check()
    with tempfile.TemporaryDirectory(prefix="reconciler-source-") as directory:
        named = [f"--branch={branch}"] if branch else []
        options = ["--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--template=", *named]
        call(remote, "clone", *options, "--end-of-options", url, directory)
        with Repo(directory) as repo:
            repo.git.update_environment(**remote.environment(), GIT_DIR=directory)
            if not repo.head.is_valid():
                raise SourceUnreadable(f"{remote.shown}: the branch has no commit")
            commit = repo.head.commit
            files = tree.read(commit.tree, subdirectory, remote.shown)
            revision = commit.hexsha
    check_count(files, remote.shown)
    return RepoSnapshot(files, revision, remote.shown)
