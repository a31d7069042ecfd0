"""The bare clone of one source, kept between passes. Nothing in it is believed: it can be made anew at any time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from git import Repo
from git.exc import GitError, ODBError

from reconciler.errors import SourceUnreadable
from reconciler.frozen import dataclass
from reconciler.source.program import GitFailed, ask, call
from reconciler.source.remote import Remote

OFFERED, TRUSTED = "refs/reconciler/offered", "refs/reconciler/trusted"
_LOOSE = "gc.auto=500"  # loose objects, and so fetches, before they are packed
_LIMIT = 10_000  # commits between two looks


class CloneDamaged(SourceUnreadable):
    """What should be in the clone cannot be read from it."""


@dataclass(frozen=True, slots=True)
class Clone:
    """The clone in a directory of its own, 0700."""

    remote: Remote
    path: Path

    def fetch(self) -> str:
        """Bring what the remote offers; gives the object that its ref names. A broken clone is made anew.

        Raises SourceUnreadable where the remote cannot be read; what was there stays.
        """
        if not self.path.exists():
            return self.renew()
        try:
            self._fetch(self.path)
            return self._offered(self.path)
        except GitFailed:
            if self._is_sound():
                raise
            return self.renew()

    def renew(self) -> str:
        """Clone anew beside the old one and take its place; gives the object that the ref names.

        Raises SourceUnreadable; then the old one stays.
        """
        parent = self.path.parent
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=parent) as directory:
                return self._replaced(Path(directory))
        except OSError as error:
            raise SourceUnreadable(f"{parent}: no clone can be made there ({error.strerror})") from error

    def _replaced(self, directory: Path) -> str:
        fresh, old = directory / "clone.git", directory / "old"
        call(self.remote, "init", "--bare", "--quiet", "--template=", str(fresh))
        self._fetch(fresh)
        offered = self._offered(fresh)
        if self.path.exists():
            self.path.rename(old)
        fresh.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)
        return offered

    def keep(self, revision: str) -> None:
        """Hold on to the trusted commit, and pack what many small fetches left behind."""
        self._call("update-ref", TRUSTED, revision)
        ask(self.remote, "-c", _LOOSE, "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet", git_dir=str(self.path))

    def has(self, commit: str) -> bool:
        return ask(self.remote, "cat-file", "-e", f"{commit}^{{commit}}", git_dir=str(self.path)).status == 0

    def is_ancestor(self, old: str, new: str) -> bool:
        """Raises CloneDamaged."""
        status = ask(self.remote, "merge-base", "--is-ancestor", old, new, git_dir=str(self.path)).status
        if status not in (0, 1):
            raise CloneDamaged(f"{self.path}: its history cannot be read")
        return status == 0

    def between(self, old: str, new: str, *options: str) -> tuple[str, ...]:
        """The commits that `new` has and `old` has not, the oldest first.

        Raises SourceUnreadable where they are too many to verify, CloneDamaged.
        """
        wanted = ("--topo-order", "--reverse", f"--max-count={_LIMIT + 1}", *options)
        found = self._call("rev-list", *wanted, new, f"^{old}", "--").decode().split()
        if len(found) > _LIMIT:
            why = f"more than {_LIMIT} commits since the last trusted one"
            raise SourceUnreadable(f"{self.remote.shown}: {why}; set trust.anchor to a younger one you have checked")
        return tuple(found)

    @contextmanager
    def opened(self) -> Iterator[Repo]:
        """The objects, read by one `git cat-file` for all.

        Raises CloneDamaged for whatever cannot be read inside the block.
        """
        try:
            with Repo(self.path) as repo:
                repo.git.update_environment(**self.remote.environment(), GIT_DIR=str(self.path))
                yield repo
        except (GitError, ODBError, OSError) as error:
            raise CloneDamaged(f"{self.path}: cannot be read") from error

    def _fetch(self, path: Path) -> None:
        options = (
            "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
            "--no-auto-maintenance", "--end-of-options",
        )  # fmt: skip
        call(self.remote, "fetch", *options, self.remote.place, f"+{self.remote.ref}:{OFFERED}", git_dir=str(path))

    def _offered(self, path: Path) -> str:
        return call(self.remote, "rev-parse", "--verify", "--quiet", OFFERED, git_dir=str(path)).decode().strip()

    def _is_sound(self) -> bool:
        checked = ask(self.remote, "fsck", "--connectivity-only", "--no-dangling", git_dir=str(self.path))
        return checked.status == 0

    def _call(self, *arguments: str) -> bytes:
        try:
            return call(self.remote, *arguments, git_dir=str(self.path))
        except GitFailed as failed:
            raise CloneDamaged(f"{self.path}: {failed}") from failed


def read_object(repo: Repo, name: str) -> tuple[str, bytes]:
    """The type and the bytes of an object.

    Raises CloneDamaged.
    """
    try:
        stream = repo.odb.stream(bytes.fromhex(name))
        return stream.type.decode(), stream.read()
    except ValueError as absent:
        raise CloneDamaged(f"{repo.git_dir}: {name} cannot be read") from absent
