"""Snapshots in a git repository of their own: one ref a host, one commit in it, nothing to merge.

`refs/snapshots/HOST@INSTANCE` is replaced each time by a commit without parents, so that no two hosts ever meet. Made
with git's plumbing in a scratch repository; nothing of the remote is checked out or configured.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from datetime import timedelta

from git.cmd import Git

from reconciler.errors import CommandFailed, PublishFailed, SnapshotRefused
from reconciler.frozen import dataclass
from reconciler.host.command import SEARCH_PATH, Running
from reconciler.model.published import MAXIMUM_SIZE
from reconciler.model.wire import SUFFIX
from reconciler.publish.place import Reader, check_name

REFS = "refs/snapshots"
_TIMEOUT = timedelta(seconds=60)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
_BLOB: tuple[object, ...] = ("blob", b"blob")  # GitPython says str, and gives bytes
_ENVIRONMENT = {
    "PATH": SEARCH_PATH,
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_AUTHOR_NAME": "reconciler",
    "GIT_AUTHOR_EMAIL": "reconciler@localhost",
    "GIT_COMMITTER_NAME": "reconciler",
    "GIT_COMMITTER_EMAIL": "reconciler@localhost",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository behind a URL that git understands; `token` is for one behind https://, and is shown nowhere."""

    url: str
    token: str = field(default="", repr=False)

    def put(self, name: str, content: bytes) -> None:
        file = check_name(name) + SUFFIX
        try:
            with _scratch() as directory:
                blob = _git(directory, "hash-object", "-w", "--stdin", stdin=content)
                tree = _git(directory, "mktree", stdin=f"100644 blob {blob}\t{file}\n".encode())
                commit = _git(directory, "commit-tree", tree, "-m", f"Snapshot of {name}")
                _git(directory, "push", "--quiet", "--force", self.url, f"{commit}:{REFS}/{name}", access=self._access)
        except CommandFailed as error:
            raise PublishFailed(f"{self._shown}: {self._complaint(error)}") from error

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with _scratch() as directory:
            try:
                every = f"+{REFS}/*:{REFS}/*"
                _git(directory, "fetch", "--quiet", "--depth=1", "--no-tags", self.url, every, access=self._access)
            except CommandFailed as error:
                raise PublishFailed(f"{self._shown}: {self._complaint(error)}") from error
            with _objects(directory) as git:
                yield lambda name: _blob(git, name)

    @property
    def _access(self) -> Mapping[str, str]:
        """What lets git in: in its environment, for its command line can be read by everybody on the host."""
        if not self.token or not self.url.startswith("https://"):
            return {}
        login = base64.b64encode(f"reconciler:{self.token}".encode()).decode()  # forges ask for any name beside a token
        settings = {f"http.{self.url}.extraHeader": f"Authorization: Basic {login}", "http.followRedirects": "false"}
        pairs = {f"GIT_CONFIG_KEY_{at}": name for at, name in enumerate(settings)}
        pairs |= {f"GIT_CONFIG_VALUE_{at}": value for at, value in enumerate(settings.values())}
        return {"GIT_CONFIG_COUNT": str(len(settings)), **pairs}

    @property
    def _shown(self) -> str:
        return _CREDENTIALS.sub("", self.url)

    @staticmethod
    def _complaint(error: CommandFailed) -> str:
        """The first line of git's that says what went wrong."""
        lines = _CREDENTIALS.sub("", str(error)).partition(": ")[2].split("\n")
        return next((it for it in lines if it.startswith(("fatal: ", "error: ", "! ", "remote: "))), lines[0])[:300]


@contextmanager
def _scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="reconciler-snapshots-") as directory:
        _git(directory, "init", "--quiet", "--bare", directory)
        yield directory


_NO_ACCESS: Mapping[str, str] = {}


def _git(directory: str, *arguments: str, stdin: bytes = b"", access: Mapping[str, str] = _NO_ACCESS) -> str:
    argv = ("git", "-C", directory, *arguments)
    trusted = (
        {"GIT_SSL_CAINFO": os.environ["SSL_CERT_FILE"]} if "SSL_CERT_FILE" in os.environ else {}
    )  # as for https://
    done = Running(argv, _TIMEOUT, stdin=stdin, environment={**_ENVIRONMENT, **trusted, **access}).finish()
    if done.status != 0:
        raise CommandFailed(("git", arguments[0]), why=done.complaint or f"exit status {done.status}")
    return done.stdout.decode("ascii", "replace").strip()


@contextmanager
def _objects(directory: str) -> Iterator[Git]:
    """GitPython keeps one `cat-file` for sizes and one for contents, however many hosts are asked for."""
    git = Git(directory)
    git.update_environment(**_ENVIRONMENT, GIT_DIR=directory)
    try:
        yield git
    finally:
        git.clear_cache()


def _blob(git: Git, name: str) -> bytes | SnapshotRefused | None:
    """The one file of a host's ref; its size is known before it is read."""
    asked = f"{REFS}/{check_name(name)}:{name}{SUFFIX}"
    try:
        _, kind, size = git.get_object_header(asked)
    except ValueError:
        return None
    if kind not in _BLOB:
        return None
    if size > MAXIMUM_SIZE:
        return SnapshotRefused(f"it has more than {MAXIMUM_SIZE} bytes")
    try:
        return git.get_object_data(asked)[3]
    except (ValueError, OSError) as error:
        return SnapshotRefused(f"it cannot be had ({error})")
