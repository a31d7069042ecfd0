"""The state at a revision of a local repository, read from git's objects: nothing is checked out, nothing is run.

A pull request is data. A blob that two revisions share is read once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path

from reconciler.errors import CommandFailed, SourceUnreadable
from reconciler.frozen import dataclass
from reconciler.host.command import SEARCH_PATH, Running
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source.layout import FOLDERS, MAX_FILES, is_misnamed, is_state, limit, refuse, too_large

_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@^~{}-]{0,255}")
_ENTRY = re.compile(rb"(\d+) (\w+) ([0-9a-f]+) +(-|\d+)\t(.+)", re.DOTALL)
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./ -]*")
_FILE_MODES = (b"100644", b"100755")
_MAX_ALTOGETHER = 320 << 20  # bytes; the largest table there may be, and ten thousand hosts
_TIMEOUT = timedelta(seconds=60)
_ENVIRONMENT = {
    "PATH": SEARCH_PATH,
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # what is not here is not fetched
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}


_CAT = ("cat-file", "--batch", "--buffer")  # or each object would be written, and read, on its own


@dataclass(frozen=True)
class LocalRepository:
    """A repository in a directory, with or without a work tree; `subdirectory` is where the state lies in it."""

    directory: str
    subdirectory: str = ""
    _blobs: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    def at(self, revision: str) -> RepoSnapshot:
        """The state at `revision`: a commit, or a name of one.

        Raises SourceUnreadable where there is no such repository, revision or folder, StateInvalid where the tree
        holds a symbolic link or a submodule in place of a state file, or too much.
        """
        identity = self.commit(revision)
        entries = dict(self._entries(identity))
        self._read(entries.values())
        return RepoSnapshot({path: self._blobs[blob] for path, blob in entries.items()}, identity, self.directory)

    def commit(self, revision: str) -> str:
        """The hash of the commit that is meant. Raises SourceUnreadable where there is none."""
        if not _REVISION.fullmatch(revision):
            raise SourceUnreadable(f"{revision[:80]!r} is no revision; name a commit or a branch")
        commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return commit.decode("ascii", "replace").strip()

    def contains(self, base: str, head: str) -> bool:
        """Whether `head` goes on from `base`, both commits; also where a shallow history does not say that it does not.

        Raises SourceUnreadable where one of them is not there.
        """
        if self._git("rev-parse", "--is-shallow-repository").strip() == b"true":
            return True
        return not self._git("rev-list", "--max-count=1", "--end-of-options", f"{head}..{base}").strip()

    def _entries(self, commit: str) -> Iterator[tuple[str, bytes]]:
        count, size = 0, 0
        for entry in self._listed(commit):
            found = _ENTRY.fullmatch(entry)
            if found is None or found[2] == b"tree":
                continue
            path = found[5].decode("utf-8", "replace")
            if path in FOLDERS:
                raise refuse(path, "a symbolic link or a file in place of a folder", "put the folder itself there")
            if is_misnamed(path):
                fix = f"rename it to {path.removesuffix('yml')}yaml"
                raise refuse(path, "only files that end in .yaml are read", fix)
            if not is_state(path):
                continue
            count += 1
            if count > MAX_FILES:
                raise refuse(path, f"more than {MAX_FILES} state files", "split the repository")
            yield path, _blob(path, found)
            size += int(found[4])
            if size > _MAX_ALTOGETHER:
                raise refuse(
                    path, f"the state has more than {_MAX_ALTOGETHER} bytes altogether", "split the repository"
                )

    def _listed(self, commit: str) -> Iterator[bytes]:
        """The top and the folders of the state, and nothing below: a few trees can hold themselves a billion times."""
        tree = self._tree(commit)
        listing = ("ls-tree", "-z", "-l", "--full-tree", tree)
        yield from self._git(*listing).split(b"\0")
        yield from self._git(*listing, *(f"{folder}/" for folder in FOLDERS)).split(b"\0")

    def _tree(self, commit: str) -> str:
        folder = self.subdirectory.strip("/")
        if folder and (not _FOLDER.fullmatch(folder) or ".." in folder):
            raise SourceUnreadable(f"{folder[:80]!r} is no folder of a repository")
        if not folder:
            return commit
        try:
            self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{folder}")
        except SourceUnreadable:
            raise SourceUnreadable(f"{self.directory}: {commit[:12]} has no folder {folder!r}") from None
        return f"{commit}:{folder}"

    def _read(self, blobs: Iterable[bytes]) -> None:
        """Read all that are not known yet, in one go."""
        missing = [blob for blob in dict.fromkeys(blobs) if blob not in self._blobs]
        if missing:
            self._blobs.update(_contents(missing, self._git(*_CAT, stdin=b"\n".join(missing) + b"\n")))

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        argv = ("git", "-c", "safe.directory=*", "-C", str(Path(self.directory).absolute()), *arguments)
        done = Running(argv, _TIMEOUT, stdin=stdin, environment=_ENVIRONMENT).finish()
        if done.status == 0:
            return done.stdout
        if arguments[0] == "rev-parse" and not done.stderr:
            name = arguments[-1].removesuffix("^{commit}")
            hint = "fetch it, with the whole history where the checkout is shallow"
            raise SourceUnreadable(f"{self.directory}: there is no revision {name!r}; {hint}")
        raise SourceUnreadable(f"{self.directory}: {_why(done.complaint) or f'git {arguments[0]} failed'}")


def _why(complaint: str) -> str:
    """What git says went wrong, and not what it warned of before."""
    lines = complaint.split("\n")
    why = next((it for it in lines if it.startswith("fatal: ")), lines[0]).removeprefix("fatal: ")
    return f"{why}; fetch it whole, without a filter" if "promisor" in why else why


def _blob(path: str, entry: re.Match[bytes]) -> bytes:
    if entry[2] != b"blob" or entry[1] not in _FILE_MODES:
        raise refuse(path, "a symbolic link or a submodule; state files are read as they are", "put the file there")
    if int(entry[4]) > limit(path):
        raise too_large(path, int(entry[4]))
    return entry[3]


def _contents(blobs: list[bytes], output: bytes) -> Mapping[bytes, bytes]:
    """What `git cat-file --batch` wrote: for each object a line with its size, then its bytes."""
    found: dict[bytes, bytes] = {}
    at = 0
    for blob in blobs:
        end = output.index(b"\n", at)
        fields = output[at:end].split(b" ")
        if len(fields) != 3:
            raise CommandFailed(("git", "cat-file"), why=output[at:end].decode("ascii", "replace"))
        start = end + 1
        at = start + int(fields[2]) + 1
        found[blob] = output[start : at - 1]
    return found
