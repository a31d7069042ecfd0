"""A forge of our own: a bare repository, people with real SSH and OpenPGP keys who push to it, and a host that follows."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.source.follow import Fetched, Source, follow
from reconciler.source.policy import Policy, Signed
from reconciler.source.remote import Remote

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOST = "hosts/mx1.example.org.yaml"


def run(*argv: str, **environment: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, env=os.environ | environment, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout.strip()


@dataclass
class Keys:
    """SSH keys by name, made when they are asked for, and a private GNUPGHOME."""

    directory: Path

    def ssh(self, name: str) -> Path:
        path = self.directory / name
        if not path.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path))
        return path

    def public(self, name: str) -> str:
        return " ".join(self.ssh(name).with_suffix(".pub").read_text().split()[:2])

    @property
    def gnupg(self) -> Path:
        home = self.directory / "gnupg"
        home.mkdir(mode=0o700, exist_ok=True)
        return home

    def gpg(self, *argv: str) -> str:
        return run(
            "gpg", "--homedir", str(self.gnupg), "--batch", "--passphrase", "", "--pinentry-mode", "loopback", *argv
        )

    def export(self, *names: str) -> Path:
        ring = self.directory / f"{'-'.join(names)}.gpg"
        ring.unlink(missing_ok=True)
        self.gpg("--quiet", "--output", str(ring), "--export", *names)
        return ring


@dataclass
class Forge:
    """The remote, and a work tree in which its people work."""

    root: Path
    keys: Keys
    work: Path = field(init=False)
    remote: Path = field(init=False)

    def __post_init__(self) -> None:
        self.work, self.remote = self.root / "work", self.root / "state.git"
        run("git", "init", "-q", "--bare", "-b", "main", str(self.remote))
        run("git", "init", "-q", "-b", "main", str(self.work))

    @property
    def url(self) -> str:
        return self.remote.as_uri()

    def git(self, *arguments: str, signer: str = "", gpg: bool = False, date: str = "") -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
        if signer and not gpg:
            identity += ["-c", "gpg.format=ssh", "-c", f"user.signingkey={self.keys.ssh(signer)}"]
        if gpg:
            identity += ["-c", f"user.signingkey={signer}"]
        dates = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date} if date else {}
        return run("git", "-C", str(self.work), *identity, *arguments, GNUPGHOME=str(self.keys.gnupg), **dates)

    def commit(
        self,
        files: Mapping[str, str] | None = None,
        *,
        signer: str = "",
        gpg: bool = False,
        date: str = "",
        push: bool = True,
    ) -> str:
        for path, text in (files or {HOST: f"# {os.urandom(8).hex()}\n"}).items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(text)
        self.git("add", "-A")
        signed = ["-S"] if signer else ["--no-gpg-sign"]
        self.git("commit", "-q", "--allow-empty", "-m", "x", *signed, signer=signer, gpg=gpg, date=date)
        if push:
            self.push()
        return self.head

    def merge(self, branch: str, *, signer: str = "", push: bool = True) -> str:
        signed = ["-S"] if signer else ["--no-gpg-sign"]
        self.git("merge", "-q", "--no-ff", "-m", "merge", *signed, branch, signer=signer)
        if push:
            self.push()
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        self.git("push", "-q", "--force", str(self.remote), *(refs or ["HEAD:refs/heads/main"]))


@dataclass
class Host:
    """The machine that follows: its trust, its state and its cache."""

    root: Path
    forge: Forge
    policy: Policy
    remote: Remote

    @property
    def source(self) -> Source:
        return Source(self.remote, self.policy, str(self.root / "cache"), str(self.root / "state/trust.json"))

    def follow(self, now: datetime = NOW) -> Fetched:
        return follow(self.source, now)

    def believes(self, **policy) -> None:
        self.policy = replace(self.policy, **policy)

    def allows(self, *lines: str) -> None:
        """Replace the file of allowed signers."""
        Path(self.policy.allowed_signers).write_text("".join(f"{line}\n" for line in lines))

    @property
    def clone(self) -> Path:
        (found,) = self.root.glob("cache/sources/*/clone.git")
        return found


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("k"))


@pytest.fixture
def forge(tmp_path: Path, keys: Keys) -> Forge:
    made = Forge(tmp_path, keys)
    made.commit(signer="alice")
    return made


@pytest.fixture
def host(tmp_path: Path, forge: Forge, keys: Keys) -> Host:
    """Trusts alice and bob, and began with the first commit."""
    signers = tmp_path / "allowed_signers"
    policy = Policy(Signed.EVERY_COMMIT, allowed_signers=str(signers), anchor=forge.head)
    made = Host(tmp_path / "host", forge, policy, Remote(forge.url, branch="main"))
    made.allows(*(f'{name}@example.org namespaces="git" {keys.public(name)}' for name in ("alice", "bob")))
    return made


Allow = Callable[..., None]
