"""Guarantees 17 to 20: what moves only forwards, what is kept, and what is told."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import HostUnreadable, Rewound, SourceUnreadable, StateInvalid, Untrusted
from tests.source.conftest import HOST, NOW


def test_17_a_rewind_to_an_older_signed_commit_is_refused(forge, host) -> None:
    older = forge.commit(signer="alice")
    newer = forge.commit(signer="alice")
    host.follow()
    forge.push(f"{older}:refs/heads/main")
    with pytest.raises(Rewound, match=f"^commit {older}: it is older than the last trusted commit {newer}"):
        host.follow()
    good = host.source.last_good()
    assert good is not None
    assert good.revision == newer


def test_17_a_history_written_anew_is_refused(forge, host) -> None:
    first = forge.head
    trusted = forge.commit(signer="alice")
    host.follow()
    forge.git("reset", "-q", "--hard", first)
    other = forge.commit(signer="alice")
    with pytest.raises(Rewound) as error:
        host.follow()
    assert (error.value.trusted, error.value.offered) == (trusted, other)


@pytest.mark.parametrize("lost", ["clone", "cache", "record"])
def test_17_what_was_lost_and_cloned_anew_cannot_be_rewound_either(forge, host, lost: str) -> None:
    older = forge.commit(signer="alice")
    forge.commit(signer="alice")
    host.follow()
    forge.push(f"{older}:refs/heads/main")
    match lost:
        case "clone":
            shutil.rmtree(host.clone)
        case "cache":
            shutil.rmtree(host.root / "cache")
        case "record":
            (host.root / "state/trust.json").unlink()
    with pytest.raises(Rewound):
        host.follow()


def test_17_with_all_memory_lost_nothing_is_taken_without_an_anchor(forge, host) -> None:
    host.follow()
    shutil.rmtree(host.root)
    host.believes(anchor="")
    with pytest.raises(Untrusted, match=r"no record of a trusted commit .* trust\.anchor"):
        host.follow()


def test_17_a_history_without_the_anchor_is_refused(forge, host) -> None:
    host.believes(anchor="0123456789" * 4)
    with pytest.raises(Rewound, match="is not in its history"):
        host.follow()


def test_a_new_anchor_takes_a_history_that_was_written_anew_on_purpose(forge, host) -> None:
    first = forge.head
    forge.commit(signer="alice")
    host.follow()
    forge.git("reset", "-q", "--hard", first)
    forge.commit(signer="alice")
    other = forge.commit(signer="alice")
    host.believes(anchor=forge.git("rev-parse", "HEAD~1"))
    assert host.follow().revision == other
    assert host.follow().moved is False


def test_a_damaged_record_of_trust_is_never_taken_for_an_empty_one(host) -> None:
    host.follow()
    (host.root / "state/trust.json").write_text('{"version": 1, "sour')
    with pytest.raises(HostUnreadable, match="not a record of trust"):
        host.follow()


def test_the_record_of_trust_is_for_its_owner_alone(host) -> None:
    host.follow()
    record = host.root / "state/trust.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    assert list(json.loads(record.read_text())["sources"]) == [f"{host.remote.url}#refs/heads/main"]


def test_a_dry_run_fetches_and_trusts_nothing(forge, host) -> None:
    host.follow()
    before = (host.root / "state/trust.json").read_bytes()
    revision = forge.commit(signer="alice")
    assert host.source.fetch(NOW).revision == revision
    assert (host.root / "state/trust.json").read_bytes() == before


def test_18_no_movement_is_told_as_a_fact(forge, host) -> None:
    host.follow(NOW)
    later = NOW + timedelta(days=8)
    fetched = host.follow(later)
    assert fetched.moved_at == NOW
    assert fetched.is_stale(later, after=timedelta(days=7))
    assert not fetched.is_stale(later, after=timedelta(days=9))
    assert not fetched.is_stale(later, after=timedelta(0))
    forge.commit(signer="alice")
    assert not host.follow(later).is_stale(later, after=timedelta(days=7))


def packs_and_objects(clone: Path) -> list[Path]:
    return [path for path in (clone / "objects").rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", ["objects gone", "objects garbled", "head garbled", "all but the folder"])
def test_19_a_corrupt_clone_is_cloned_anew_and_what_was_trusted_still_counts(forge, host, damage: str) -> None:
    older = forge.head
    forge.commit(signer="alice")
    host.follow()
    revision = forge.commit(signer="bob")
    for path in packs_and_objects(host.clone):
        path.chmod(0o600)
        if damage == "objects gone":
            path.unlink()
        if damage == "objects garbled":
            path.write_bytes(b"\0" * path.stat().st_size)
    if damage == "head garbled":
        (host.clone / "HEAD").write_text("nonsense")
    if damage == "all but the folder":
        shutil.rmtree(host.clone)
        host_clone = host.root / "cache/sources"
        (next(host_clone.iterdir()) / "clone.git").mkdir()
    assert host.follow().revision == revision
    forge.push(f"{older}:refs/heads/main")
    with pytest.raises(Rewound):
        host.follow()


def test_19_20_with_the_remote_away_and_the_clone_broken_the_last_good_state_is_there(forge, host) -> None:
    forge.commit({HOST: "enforce: all\n"}, signer="alice")
    fetched = host.follow()
    shutil.rmtree(host.clone)
    forge.remote.rename(forge.remote.with_name("away"))
    with pytest.raises(SourceUnreadable) as error:
        host.follow()
    assert error.value.retry_helps
    good = host.source.last_good()
    assert good == replace(fetched, moved=False)


def test_the_copy_of_the_last_good_state_never_outlives_the_record(forge, host) -> None:
    host.follow()
    (kept,) = host.root.glob("cache/sources/*/last-good")
    older = kept.read_bytes()
    revision = forge.commit(signer="alice")
    host.follow()
    kept.write_bytes(older)
    good = host.source.last_good()
    assert good is not None
    assert good.revision == revision


def test_a_garbled_copy_is_no_copy(host) -> None:
    fetched = host.follow()
    (kept,) = host.root.glob("cache/sources/*/last-good")
    kept.write_bytes(kept.read_bytes()[:-1])
    good = host.source.last_good()
    assert good is not None
    assert good.snapshot.files == fetched.snapshot.files


def test_20_a_poll_tells_what_the_ref_names_and_transfers_nothing(forge, host) -> None:
    assert host.source.poll() == forge.head
    assert not (host.root / "cache").exists()
    host.remote = replace(host.remote, branch="none")
    with pytest.raises(SourceUnreadable, match="there is no heads/none in it"):
        host.source.poll()


def test_a_signed_commit_with_a_bad_state_moves_nothing(forge, host) -> None:
    good = host.follow()
    (forge.work / "hosts/evil.yaml").symlink_to("/etc/passwd")
    forge.commit(signer="alice")
    with pytest.raises(StateInvalid, match="symbolic link"):
        host.follow()
    (forge.work / "hosts/evil.yaml").unlink()
    revision = forge.commit(signer="alice")
    assert (good.revision, host.follow().revision) == (forge.git("rev-parse", "HEAD~2"), revision)


def test_a_folder_of_a_monorepo_is_followed(forge, host) -> None:
    host.remote = replace(host.remote, subdirectory="mail/tls")
    forge.commit({f"mail/tls/{HOST}": "a\n", "web/x": "y"}, signer="alice")
    assert host.follow().snapshot.files == {HOST: b"a\n"}


def test_the_default_branch_is_followed_where_none_is_named(forge, host) -> None:
    host.remote = replace(host.remote, branch="")
    assert host.source.poll() == host.follow().revision == forge.head


@pytest.mark.parametrize("taken", ["cache/sources", "state/.trust.json.new"])
def test_what_cannot_be_remembered_is_not_trusted(host, taken: str) -> None:
    path = host.root / taken
    path.parent.mkdir(parents=True)
    if taken.startswith("cache"):
        path.write_text("a file where a directory shall be")
    else:
        path.mkdir()
    with pytest.raises(SourceUnreadable, match=r"no clone can be made there|cannot be written"):
        host.follow()
    assert host.source.last_good() is None
