"""What the settings say about source and trust, as commands and the agent take it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import SettingsInvalid, UsageError
from reconciler.loop import following, origin
from reconciler.loop.place import Where
from reconciler.settings.load import load
from reconciler.settings.model import Settings
from reconciler.source.policy import Signed

HOST = "hosts/mx1.example.org.yaml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    (root / "hosts").mkdir(parents=True)
    (root / HOST).write_text("enforce: all\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "x"]):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", "-C", root, *identity, *command], check=True)
    return root


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "r.toml"
    file.write_text(f"[instance]\nstate_directory = '{tmp_path}/memory'\ncache_directory = '{tmp_path}/cache'\n{text}")
    return load(str(file)).settings


def where(repo: str, memory: str, branch: str = "") -> Where:
    return Where(repo, "/etc/postfix", memory, branch=branch)


def test_a_source_without_a_word_about_signatures_is_refused(tmp_path: Path) -> None:
    said = settings(tmp_path, "[source]\nurl = 'https://git.example.org/state.git'\n")
    with pytest.raises(SettingsInvalid, match="it is not said whose commits are taken"):
        following.chosen(said, where(said.source.url, "/m", ""))


def test_another_url_is_followed_under_the_same_policy(tmp_path: Path, repository: Path) -> None:
    said = settings(tmp_path, "[trust]\nsignatures = 'off'\n")
    source = following.chosen(said, where(repository.as_uri(), f"{tmp_path}/memory", "main"))
    assert source is not None
    assert source.policy.signed is Signed.NOTHING
    fetched = following.fetch(source)
    assert fetched.snapshot.files == {HOST: b"enforce: all\n"}
    assert not (tmp_path / "memory").exists()
    source.accept(fetched)
    assert source.fetch(datetime.now(UTC)).moved is False


def test_a_directory_cannot_be_signed(tmp_path: Path) -> None:
    said = settings(
        tmp_path, "[source]\nurl = '/srv/state'\n[trust]\nsignatures = 'required'\nallowed_signers = '/etc/x'\n"
    )
    with pytest.raises(UsageError, match="a directory is not signed"):
        following.chosen(said, where("/srv/state", "/m", ""))
    assert following.chosen(said, where("/home/anna/state", "/m", "")) is None


def test_without_a_policy_another_url_is_read_as_it_is(tmp_path: Path) -> None:
    assert following.chosen(settings(tmp_path, ""), where("https://h/x", "/m")) is None


def test_who_may_not_write_the_cache_plans_all_the_same(tmp_path: Path, repository: Path, monkeypatch) -> None:
    said = settings(tmp_path, "[trust]\nsignatures = 'off'\n")
    source = following.chosen(said, where(repository.as_uri(), f"{tmp_path}/memory", ""))
    assert source is not None
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    assert following.fetch(source).snapshot.files == {HOST: b"enforce: all\n"}
    assert not (tmp_path / "cache").exists()


def test_no_loop_follows_a_url_of_which_nothing_was_said() -> None:
    with pytest.raises(SettingsInvalid, match="it is not said whose commits are taken"):
        origin.of(where("https://git.example.org/state.git", "/m"), poll_s=60)
