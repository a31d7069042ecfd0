"""What happens in watched directories wakes a sleeper, whichever way it is noticed."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.host import inotify
from reconciler.host.processes import until
from reconciler.loop.watch import Watch

PATIENCE = 30.0  # s


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch(pytest.fail)
    yield made
    made.close()


def rings(watch: Watch) -> bool:
    return bool(select.select([watch.descriptor], [], [], PATIENCE)[0])


def until_quiet(watch: Watch) -> None:
    while select.select([watch.descriptor], [], [], 0.5)[0]:
        watch.clear()


CHANGES: list[Callable[[Path], object]] = [
    lambda path: path.write_text("new"),
    lambda path: path.chmod(0o600),
    lambda path: os.utime(path, (0, 0)),
    lambda path: path.rename(path.with_name("other")),
    lambda path: path.unlink(),
    lambda path: path.with_name("created").touch(),
    lambda path: path.with_name("link").symlink_to(path),
]


@pytest.mark.parametrize("without_bell", [False, True])
def test_every_change_of_a_file_wakes(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_bell: bool
) -> None:
    if without_bell:  # as where the limits of inotify are reached
        monkeypatch.setattr("reconciler.loop.watch._bell", lambda _: None)
    directory = tmp_path / "watched"
    directory.mkdir()
    watch.over(frozenset({str(directory)}))
    for change in CHANGES:
        path = directory / "file"
        path.write_text("old")
        until_quiet(watch)
        change(path)
        assert rings(watch), change


def test_other_directories_are_watched_from_then_on_and_the_first_no_more(watch: Watch, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    watch.over(frozenset({str(tmp_path / "one")}))
    watch.over(frozenset({str(tmp_path / "other")}))
    until_quiet(watch)
    (tmp_path / "one/file").touch()
    assert not select.select([watch.descriptor], [], [], 0.5)[0]
    (tmp_path / "other/file").touch()
    assert rings(watch)


def inotify_descriptors() -> int:
    """How many this process has open; other descriptors come and go with the tests around."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found += "inotify" in os.readlink(f"/proc/self/fd/{name}")
    return found


def test_a_closed_watch_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    before = inotify_descriptors()
    watch = Watch()
    watch.over(frozenset({str(tmp_path)}))
    watch.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]
    assert any(inotify_descriptors() <= before for _ in until(timedelta(seconds=10)))  # watchfiles closes its own later


def test_a_directory_that_is_not_there_is_an_error_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = inotify_descriptors()
    with pytest.raises(FileNotFoundError):
        inotify.open_on([str(tmp_path), str(tmp_path / "absent")])
    assert inotify_descriptors() <= before
