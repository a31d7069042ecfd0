"""The commits that one half hands over to the other, which believes nothing but signatures."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.errors import Rewound, SourceUnreadable, Untrusted
from reconciler.source import bundle
from tests.source.conftest import HOST, NOW, Forge, Host, run

LIMIT = 1 << 20


@dataclass
class Halves:
    """The puller, which follows the forge, and the applier, which has only what the puller leaves behind."""

    puller: Host
    applier: Host
    handed: Path

    def hand_over(self) -> str:
        """The revision that the puller trusts now, with the commits behind it."""
        revision = self.puller.follow(NOW).revision
        assert bundle.write(self.puller.source, revision, str(self.handed))
        return revision

    def take(self) -> str:
        """The revision that the applier trusts after it."""
        bundle.take(str(self.handed), self.applier.remote.bundle, LIMIT)
        return self.applier.follow(NOW).revision

    def forge_bundle(self, work: Path, *refs: str) -> None:
        """What a puller that was taken over can make: any commits of its own."""
        run("git", "-C", str(work), "bundle", "create", "-q", str(self.handed), *refs)


@pytest.fixture
def halves(host: Host, tmp_path: Path) -> Halves:
    root = tmp_path / "applier"
    remote = replace(host.remote, bundle=str(root / "cache/handed/state.bundle"))
    return Halves(host, Host(root, host.forge, host.policy, remote), tmp_path / "state.bundle")


def test_what_the_puller_trusts_is_what_the_applier_trusts(halves: Halves, forge: Forge) -> None:
    for text in ("# one\n", "# two\n"):
        newest = forge.commit({HOST: text}, signer="alice")
        assert halves.hand_over() == newest
        assert halves.take() == newest
    good = halves.applier.source.last_good()
    assert good is not None
    assert good.snapshot.files[HOST] == b"# two\n"


def test_the_commits_are_trusted_under_the_url_not_under_the_file(halves: Halves, forge: Forge) -> None:
    halves.hand_over()
    halves.take()
    good = halves.applier.source.last_good()
    assert good is not None
    assert good.snapshot.origin == halves.puller.follow(NOW).snapshot.origin
    assert str(halves.handed) not in (halves.applier.root / "state/trust.json").read_text()


def test_a_tag_is_handed_over_as_a_tag(halves: Halves, forge: Forge) -> None:
    newest = forge.commit(signer="alice")
    forge.git("tag", "-s", "-m", "x", "stable", signer="alice")
    forge.push("refs/tags/stable")
    for half in (halves.puller, halves.applier):
        half.remote = replace(half.remote, branch="", tag="stable")
    assert halves.hand_over() == newest
    assert halves.take() == newest


def test_17_a_rewound_bundle_is_refused(halves: Halves, forge: Forge) -> None:
    """Guarantee 17, between the halves too."""
    older = forge.commit(signer="alice")
    newer = forge.commit(signer="alice")
    halves.hand_over()
    halves.take()
    forge.git("reset", "-q", "--hard", older)
    halves.forge_bundle(forge.work, "refs/heads/main")
    with pytest.raises(Rewound, match=f"^commit {older}: it is older than the last trusted commit {newer}"):
        halves.take()


def test_16_commits_that_nobody_trusted_has_signed_are_refused(halves: Halves, forge: Forge) -> None:
    """Guarantee 16, between the halves too: a puller that was taken over has no key."""
    trusted = halves.hand_over()
    halves.take()
    for signer in ("", "mallory"):
        forge.commit({HOST: "# forged\n"}, signer=signer, push=False)
        halves.forge_bundle(forge.work, "refs/heads/main")
        with pytest.raises(Untrusted):
            halves.take()
        forge.git("reset", "-q", "--hard", trusted)
    good = halves.applier.source.last_good()
    assert good is not None
    assert good.revision == trusted


def test_what_is_not_the_newest_is_not_handed_over(halves: Halves, forge: Forge) -> None:
    older = halves.puller.follow(NOW).revision
    forge.commit(signer="alice")
    halves.puller.follow(NOW)
    assert not bundle.write(halves.puller.source, older, str(halves.handed))
    assert not halves.handed.exists()


def test_a_clone_that_was_lost_hands_nothing_over_until_it_is_made_anew(halves: Halves) -> None:
    revision = halves.hand_over()
    before = halves.handed.read_bytes()
    shutil.rmtree(halves.puller.clone)
    assert not bundle.write(halves.puller.source, revision, str(halves.handed))
    assert halves.handed.read_bytes() == before


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "nothing", "too large", "no bundle", "cut"])
def test_what_is_no_bundle_is_refused_and_what_was_trusted_stays(halves: Halves, forge: Forge, kind: str) -> None:
    trusted = halves.hand_over()
    halves.take()
    forge.commit(signer="alice")
    halves.hand_over()
    whole = halves.handed.read_bytes()
    halves.handed.unlink()
    match kind:
        case "link":
            real = halves.handed.with_name("real")
            real.write_bytes(whole)
            halves.handed.symlink_to(real)
        case "fifo":
            os.mkfifo(halves.handed)
        case "directory":
            halves.handed.mkdir()
        case "too large":
            halves.handed.write_bytes(whole + bytes(LIMIT))
        case "no bundle":
            halves.handed.write_bytes(b"hello\n")
        case "cut":
            halves.handed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceUnreadable) as error:
        halves.take()
    assert "\n" not in str(error.value)
    good = halves.applier.source.last_good()
    assert good is not None
    assert good.revision == trusted


def test_a_bundle_cannot_be_written_where_nobody_may(halves: Halves) -> None:
    revision = halves.puller.follow(NOW).revision
    with pytest.raises(SourceUnreadable):
        bundle.write(halves.puller.source, revision, "/proc/state.bundle")
