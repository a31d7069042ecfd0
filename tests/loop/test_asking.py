"""How a loop asks a source: what nothing moved in is not fetched, what was refused is not fetched again."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.errors import SourceStale, SourceUnreadable, Untrusted
from reconciler.loop.asking import Asking
from reconciler.loop.origin import Origin
from reconciler.source.backoff import delay
from reconciler.source.follow import Source
from reconciler.source.policy import Policy, Signed
from reconciler.source.remote import Remote

HOST = "hosts/mx1.example.org.yaml"


class Repository:
    """A remote, whose owner signs when asked to."""

    def __init__(self, directory: Path) -> None:
        self.root, self.key = directory / "state", directory / "anna"
        (self.root / "hosts").mkdir(parents=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "gpg.format=ssh")
        argv = ["git", "-C", str(self.root), *identity, "-c", f"user.signingkey={self.key}", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, text: str, *options: str) -> str:
        (self.root / HOST).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", *options)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.commit("a\n", "-S")
    return made


@pytest.fixture
def source(repository: Repository, tmp_path: Path) -> Source:
    allowed = tmp_path / "allowed"
    allowed.write_text(f"anna@example.org {repository.key.with_suffix('.pub').read_text()}")
    policy = Policy(Signed.EVERY_COMMIT, allowed_signers=str(allowed), anchor=repository.git("rev-parse", "HEAD"))
    remote = Remote(repository.root.as_uri(), branch="main")
    return Source(remote, policy, str(tmp_path / "cache"), str(tmp_path / "memory/trust.json"))


def test_what_follows_is_read_and_trusted(repository: Repository, source: Source) -> None:
    asking = Asking(source)
    assert asking.last_good() is None
    assert asking.read().files[HOST] == b"a\n"
    revision = repository.commit("b\n", "-S")
    assert asking.read().revision == revision
    again = Asking(source).last_good()
    assert again is not None
    assert (again.revision, again.files[HOST]) == (revision, b"b\n")


def test_where_nothing_moved_nothing_is_fetched(source: Source, tmp_path: Path) -> None:
    asking = Asking(source)
    first = asking.read()
    for path in sorted((tmp_path / "cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert asking.read() is first
    assert not list((tmp_path / "cache").rglob("clone.git"))


def test_what_was_refused_is_refused_again_until_the_ref_moves_on(repository: Repository, source: Source) -> None:
    asking = Asking(source)
    good = asking.read()
    repository.commit("c\n")
    with pytest.raises(Untrusted) as first:
        asking.read()
    with pytest.raises(Untrusted) as second:
        asking.read()
    assert second.value is first.value
    assert asking.last_good() == good
    repository.git("reset", "-q", "--hard", "HEAD~1")
    assert asking.read() == good


def test_20_a_remote_that_is_away_is_asked_again_after_a_pause_that_grows(
    repository: Repository, source: Source
) -> None:
    time = 0.0
    asking = Asking(source, now=lambda: datetime.now(UTC), clock=lambda: time, seed="mx1")
    good = asking.read()
    away = repository.root.rename(repository.root.with_name("away"))
    for attempt in (1, 2, 3):
        with pytest.raises(SourceUnreadable) as first:
            asking.read()
        time += delay(attempt, "mx1").total_seconds() - 0.01
        with pytest.raises(SourceUnreadable) as still:
            asking.read()
        assert still.value is first.value
        time += 0.02
    assert asking.last_good() == good
    away.rename(repository.root)
    assert asking.read() == good


def test_a_host_that_starts_while_the_remote_is_away_has_the_last_good_state(
    repository: Repository, source: Source
) -> None:
    good = Asking(source).read()
    repository.root.rename(repository.root.with_name("away"))
    asking = Asking(source)
    assert asking.last_good() == good
    with pytest.raises(SourceUnreadable):
        asking.read()


def test_18_a_source_that_answers_and_has_nothing_new_for_too_long_is_told_and_stays_in_force(
    repository: Repository, source: Source
) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    asking = Asking(source, timedelta(days=90), lambda: now)
    origin = Origin(asking.read, warn=asking.stale)
    assert (origin.latest(0.0).files[HOST], origin.trouble) == (b"a\n", None)
    now += timedelta(days=91)
    assert origin.latest(1.0).files[HOST] == b"a\n"
    assert isinstance(origin.trouble, SourceStale)
    assert str(origin.trouble).startswith(f"{repository.root.as_uri()}: no commit since 2026-11-23, when ")
    repository.commit("b\n", "-S")
    assert (origin.latest(2.0).files[HOST], str(origin.trouble)) == (b"b\n", "None")
