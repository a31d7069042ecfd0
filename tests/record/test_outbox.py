from __future__ import annotations

import json
import multiprocessing
import os
import resource
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.model.event import APPLY_FAILED
from reconciler.model.moment import Moment
from reconciler.record.outbox import Outbox

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(uptime_s: float, years: int = 0) -> Moment:
    return Moment(NOW + timedelta(days=365 * years), "boot-1", uptime_s)


def say(outbox: Outbox, text: str, moment: Moment | None = None) -> int:
    return outbox.append(APPLY_FAILED, {"why": text}, moment or at(1)).sequence


def said(outbox: Outbox, after: int = 0) -> list[tuple[int, str]]:
    return [(event.sequence, event.text("why")) for event in outbox.read(after)]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "mx1/events.jsonl")


def test_events_are_numbered_from_one_without_a_gap(outbox: Outbox) -> None:
    assert [say(outbox, text) for text in "abc"] == [1, 2, 3]
    assert said(outbox) == [(1, "a"), (2, "b"), (3, "c")]
    assert said(outbox, 2) == [(3, "c")]


def test_31_a_clock_that_jumps_ten_years_changes_no_order(outbox: Outbox) -> None:
    for text, years in (("a", 0), ("b", 10), ("c", -10), ("d", 0)):
        say(outbox, text, at(1, years))
    assert said(outbox) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


@pytest.mark.parametrize("torn", [b'{"sequence": 3, "ev', b"{", b"\0\0\0\0", b'{"sequence": 3}'])
def test_a_line_that_a_crash_cut_short_is_no_event_and_hides_no_other(outbox: Outbox, torn: bytes) -> None:
    say(outbox, "a")
    say(outbox, "b")
    with outbox.path.open("ab") as file:
        file.write(torn)
    assert said(outbox) == [(1, "a"), (2, "b")]
    assert say(outbox, "c") == 3
    assert said(outbox) == [(1, "a"), (2, "b"), (3, "c")]
    assert len(outbox.path.read_bytes().splitlines()) == 4


def test_every_prefix_of_the_file_is_a_past_of_the_outbox(outbox: Outbox) -> None:
    for text in "abc":
        say(outbox, text)
    whole = outbox.path.read_bytes()
    header = whole.index(b"\n") + 1
    for length in range(header, len(whole)):
        outbox.path.write_bytes(whole[:length])
        past = said(outbox)
        assert past == [(1, "a"), (2, "b"), (3, "c")][: len(past)]
        assert say(outbox, "x") == len(past) + 1


def test_35_the_files_are_for_root_alone_whatever_the_umask(outbox: Outbox) -> None:
    old = os.umask(0)
    try:
        say(outbox, "a")
        outbox.rotate(1, next(outbox.read()).outbox, at=0)
    finally:
        os.umask(old)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in outbox.path.parent.iterdir()}
    assert files == {"events.jsonl": 0o600, "events.jsonl.1": 0o600, "events.lock": 0o600}
    assert stat.S_IMODE(outbox.path.parent.stat().st_mode) == 0o700


def test_rotation_keeps_what_was_not_taken_in_and_goes_on_counting(outbox: Outbox) -> None:
    for text in "abc":
        say(outbox, text)
    name = next(outbox.read()).outbox
    assert outbox.rotate(2, name, at=0)
    assert said(outbox) == [(3, "c")]
    assert outbox.rotate(3, name, at=0)
    assert said(outbox) == []
    assert say(outbox, "d") == 4
    assert next(outbox.read()).outbox == name


def test_a_small_file_is_not_rotated(outbox: Outbox) -> None:
    say(outbox, "a")
    assert not outbox.rotate(1, next(outbox.read()).outbox)
    assert said(outbox) == [(1, "a")]


def test_a_lost_file_begins_an_outbox_of_another_name(outbox: Outbox) -> None:
    say(outbox, "a")
    before = next(outbox.read()).outbox
    outbox.path.unlink()
    say(outbox, "b")
    assert said(outbox) == [(1, "b")]
    assert [event.text("why") for event in outbox.read(7, before)] == ["b"]


def _many(path: Path, name: str) -> None:
    for number in range(50):
        say(Outbox(path), f"{name}{number}")


def test_processes_that_append_at_once_lose_and_double_nothing(outbox: Outbox) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_many, args=(outbox.path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [sequence for sequence, _ in said(outbox)] == list(range(1, 101))
    assert {text for _, text in said(outbox)} == {f"{name}{number}" for name in "ab" for number in range(50)}


def test_what_does_not_fit_on_the_disk_leaves_no_trace(outbox: Outbox) -> None:
    say(outbox, "a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (outbox.size + 20, hard))
    try:
        with pytest.raises(OSError, match=r"space|large"):
            say(outbox, "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said(outbox) == [(1, "a")]
    assert say(outbox, "c") == 2


def test_what_is_not_in_the_list_is_not_recorded(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="no event that is kept"):
        outbox.append("pass.started", {}, at(1))


def test_a_line_is_json_that_a_person_can_read(outbox: Outbox) -> None:
    outbox.append(APPLY_FAILED, {"why": "it\nbroke"}, at(12.5))
    assert json.loads(outbox.path.read_text().splitlines()[1]) == {
        "sequence": 1, "event": "apply.failed", "at": "2026-11-23T12:00:00+00:00", "why": "it\nbroke", "boot": "boot-1", "uptime_s": 12.5,
    }  # fmt: skip
