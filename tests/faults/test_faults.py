"""One case of each class that `make faults` goes through whole."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults import disks, injected, kept, others
from tests.faults.injected import ERRORS, Place
from tests.faults.scene import Large, Scene, scene

pytestmark = pytest.mark.postfix


@pytest.fixture(scope="module")
def made() -> Iterator[Scene]:
    with scene() as one:
        yield one


@pytest.fixture(scope="module")
def large() -> Iterator[Scene]:
    with scene(Large) as one:
        yield one


def test_guarantee_1_a_kill_leaves_old_or_new(made: Scene) -> None:
    assert injected.killed(made, Place("renameat2", 2)) == ""
    assert made.standing() == "new"
    assert injected.killed(made, Place("fsync", 2)) == ""
    assert made.standing() == "old"


def test_guarantee_1_a_kill_while_a_row_of_a_large_table_changes_leaves_old_or_new(large: Large) -> None:
    outcomes = set()
    for place in (Place("sendfile", 2), Place("renameat2", 1), Place("renameat2", 2), Place("unlink", 6)):
        assert injected.killed(large, place) == ""
        outcomes.add(large.standing())
    assert outcomes == {"old", "new"}
    assert injected.killed_again(large, Place("renameat2", 2), Place("renameat2", 1)) == (True, "")


@pytest.mark.parametrize("error", ERRORS)
def test_guarantee_2_an_error_leaves_old_or_new(made: Scene, error: str) -> None:
    assert injected.failed(made, Place("renameat2", 1), error) == ""


@pytest.mark.parametrize("number", range(1, 6))
def test_guarantee_2_what_cannot_be_cleared_away_leaves_what_its_links_name_alone(made: Scene, number: int) -> None:
    """tempfile.TemporaryDirectory would change the mode of a live table."""
    assert injected.failed(made, Place("unlinkat", number), "EACCES") == ""


def test_guarantee_2_an_error_at_the_last_write_of_all_leaves_a_large_table_as_its_source_is(large: Large) -> None:
    """By then nothing waits aside any more, and what goes back is made anew."""
    count = large.calls()["rename"]
    outcomes = set()
    for number in range(count - 4, count + 1):
        assert injected.failed(large, Place("rename", number), "EIO") == ""
        outcomes.add(large.standing())
    assert outcomes == {"old", "new"}


def test_guarantee_3_a_kill_of_the_recovery_leaves_old_or_new(made: Scene) -> None:
    assert injected.killed_again(made, Place("renameat2", 1), Place("renameat2", 1)) == (True, "")


def test_guarantee_4_a_loss_of_power_leaves_old_or_new_and_without_fsync_it_would_not() -> None:
    try:
        with disks.machine() as machine:
            assert machine.cut("renameat2", 2, fsync=True) in ("old", "new")
            assert machine.cut("renameat2", 2, fsync=False) not in ("old", "new")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no ext4 on a loop device here: {error}")


@pytest.mark.parametrize("kind", disks.TYPES)
def test_guarantee_5_a_full_disk_is_an_error_and_the_live_table_answers(kind: str) -> None:
    try:
        assert disks.full_while_building(kind, 60) == ""
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no file system can be mounted here: {error}")


@pytest.mark.parametrize("editor", others.EDITORS)
def test_guarantee_6_no_edit_is_lost_silently(made: Scene, editor: str) -> None:
    assert others.edited(made, editor, 0.5) == ""


def test_guarantee_7_the_second_of_two_applies_gives_up(made: Scene) -> None:
    assert others.two_at_once(made) == ""


def test_guarantee_34_a_signal_finishes_or_takes_back(made: Scene) -> None:
    assert others.signalled(made, signal.SIGTERM, 0.6) == ""


@pytest.mark.parametrize("obstacle", others.OBSTACLES)
def test_a_file_that_is_no_plain_file_is_refused(made: Scene, obstacle: str) -> None:
    _is_good(others.obstructed(made, obstacle, "main.cf"))


@pytest.mark.parametrize("attribute", kept.ATTRIBUTES)
def test_guarantee_8_what_is_not_content_is_kept(made: Scene, attribute: str) -> None:
    _is_good(kept.kept(made, attribute, "main.cf"))
    _is_good(kept.kept(made, attribute, "tls_policy.db"))


def test_guarantee_9_a_second_apply_writes_nothing_and_reloads_nothing(made: Scene) -> None:
    assert kept.again(made, "json") == ""


def test_guarantee_10_an_apply_under_load_reloads_once_and_no_session_fails(made: Scene) -> None:
    assert [kept.loaded(made) for _ in range(3)] == [""] * 3


@pytest.mark.parametrize("what", kept.LISTENERS)
def test_guarantee_12_a_listener_that_cannot_be_is_refused(made: Scene, what: str) -> None:
    assert kept.listened(made, what) == ""


@pytest.mark.parametrize("harm", kept.HARMS)
def test_guarantee_13_harm_that_shows_after_the_commit_is_out_again(made: Scene, harm: str) -> None:
    assert kept.taken_back(made, harm) == ""


@pytest.mark.parametrize(("lie", "kind"), [*zip(kept.LIES, ("hash", "lmdb", "cdb"), strict=True)])
def test_guarantee_15_a_table_that_is_not_its_source_is_not_put_in_place(made: Scene, lie: str, kind: str) -> None:
    _is_good(kept.read_back(made, lie, kind))


def _is_good(wrong: str) -> None:
    if wrong.startswith("cannot be made here"):
        pytest.skip(wrong)
    assert wrong == ""
