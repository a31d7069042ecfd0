"""What the users of the units cannot read, though root can, is told before they are started."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.loop import readable
from reconciler.loop.readable import Users
from reconciler.model.checkup import Checked, Verdict
from reconciler.settings.load import load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to ask as another user")
USERS = Users("nobody", "nobody", ("/root/",))


@pytest.fixture
def etc() -> Iterator[Path]:
    """A directory of root's that everybody can look into, with a file of each kind."""
    with tempfile.TemporaryDirectory(prefix="reconciler-test-") as made:
        path = Path(made)
        path.chmod(0o755)
        for name, mode in (("key", 0o600), ("signers", 0o644), ("urls", 0o644), ("secret", 0o644)):
            (path / name).write_text("")
            (path / name).chmod(mode)
        os.chown(path / "key", 65534, 65534)
        yield path


@pytest.fixture
def look(etc: Path) -> Callable[[str], list[Checked]]:
    def looked(more: str = "") -> list[Checked]:
        file = etc / "reconciler.toml"
        file.write_text(
            f'[source]\nurl = "ssh://git@git.example/state"\ndeploy_key = "{etc}/key"\n'
            f'[trust]\nsignatures = "required"\nallowed_signers = "{etc}/signers"\n'
            f'[[alerts.routes]]\nurl_files = ["{etc}/urls"]\n{more}'
        )
        return list(readable.look(str(file), load(str(file)).settings, USERS))

    return looked


def test_all_is_well_where_everything_can_be_read(look) -> None:
    assert look() == [Checked("puller", Verdict.GOOD, "nobody can read what the settings name")]


def test_a_deploy_key_that_only_root_can_read_is_to_be_the_pullers_own(look, etc: Path) -> None:
    os.chown(etc / "key", 0, 0)
    text, fix = f"nobody cannot read {etc}/key (source.deploy_key)", f"chown nobody {etc}/key; chmod 0600 {etc}/key"
    assert look() == [Checked("puller", Verdict.WARNING, text, fix)]


@pytest.mark.parametrize(
    ("name", "setting"),
    [("reconciler.toml", "the settings"), ("signers", "trust.allowed_signers"), ("urls", "alerts.routes")],
)
def test_what_is_roots_alone_is_to_be_readable_by_the_pullers_group(look, etc: Path, name: str, setting: str) -> None:
    look()
    (etc / name).chmod(0o600)
    text, path = f"nobody cannot read {etc}/{name} ({setting})", f"{etc}/{name}"
    fix = f"chgrp nobody {path}; chmod 0640 {path}"
    assert look() == [Checked("puller", Verdict.WARNING, text, fix)]


def test_the_directory_that_is_closed_is_named(look, etc: Path) -> None:
    etc.chmod(0o700)
    fix = f"chgrp nobody {etc}; chmod g+x {etc}"
    assert {(it.fix, it.evidence.endswith(f": {etc} is closed to it")) for it in look()} == {(fix, True)}


def test_what_the_unit_does_not_see_is_told_whatever_its_mode(look) -> None:
    found = look('[publish]\ntarget = "https://snapshots.example/"\ntoken_file = "/root/.profile"\n')
    text = "/root/.profile (publish.token_file) is not seen from within the unit of nobody"
    assert [it.evidence for it in found] == [text]


def test_the_receivers_secret_is_asked_about_where_there_is_a_receiver(look, etc: Path) -> None:
    (etc / "secret").chmod(0o600)
    said = f'[webhook]\nlisten = "127.0.0.1:9188"\nsecret_file = "{etc}/secret"\n'
    text, fix = (
        f"nobody cannot read {etc}/secret (webhook.secret_file)",
        f"chgrp nobody {etc}/secret; chmod 0640 {etc}/secret",
    )
    assert look(said)[1:] == [Checked("webhook", Verdict.WARNING, text, fix)]


def test_a_user_that_is_not_there_yet_is_no_complaint(look, etc: Path) -> None:
    look()
    file = str(etc / "reconciler.toml")
    found = list(readable.look(file, load(file).settings, Users("nobody-at-all")))
    text = "the user nobody-at-all is not there yet: systemd-sysusers makes it"
    assert found == [Checked("puller", Verdict.GOOD, text)]
