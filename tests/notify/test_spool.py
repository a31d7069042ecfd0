"""Parcels: whole or not there, for the group to read, bounded, and never followed anywhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.notify import spool
from reconciler.notify.spool import ParcelDamaged, SpoolUnusable


def bodies(directory: Path) -> list[object]:
    return [dict(parcel.read()) for parcel in spool.waiting(str(directory))]


def test_a_parcel_is_read_as_it_was_laid_down_and_is_gone_once_taken_away(tmp_path: Path) -> None:
    spool.lay_down(str(tmp_path), "x", {"kind": "alert", "text": "ä"})
    (parcel,) = spool.waiting(str(tmp_path))
    assert parcel.read() == {"format_version": "1.0", "kind": "alert", "text": "ä"}
    parcel.take_away()
    parcel.take_away()
    assert os.listdir(tmp_path) == []


def test_the_group_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        spool.lay_down(str(tmp_path), "x", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o640


def test_of_one_name_the_last_counts(tmp_path: Path) -> None:
    for number in range(3):
        spool.lay_down(str(tmp_path), "status", {"number": number})
    assert bodies(tmp_path) == [{"format_version": "1.0", "number": 2}]


def test_what_lies_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".x.new").symlink_to(victim)
    (tmp_path / "x.json").symlink_to(victim)
    spool.lay_down(str(tmp_path), "x", {"number": 1})
    assert (victim.read_text(), (tmp_path / "x.json").is_symlink()) == ("precious", False)


def test_no_more_than_so_many_wait_and_the_oldest_go(tmp_path: Path) -> None:
    for number in range(510):
        spool.lay_down(str(tmp_path), f"{number:04d}", {"number": number})
        os.utime(tmp_path / f"{number:04d}.json", (number, number))
    assert min(os.listdir(tmp_path)) == "0010.json"
    assert len(bodies(tmp_path)) == 500


def test_without_a_spool_nothing_waits_and_nothing_can_be_laid_down(tmp_path: Path) -> None:
    assert list(spool.waiting(str(tmp_path / "none"))) == []
    with pytest.raises(SpoolUnusable, match="No such file or directory"):
        spool.lay_down(str(tmp_path / "none"), "x", {})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "list indices"),
        (b"{}", "format_version"),
        (b'{"format_version": "2.0"}', "laid down by another version"),
        (b"\xff", "utf-8"),
        (b"[" * 100_000, "recursion|maximum"),
    ],
)
def test_what_is_no_parcel_says_so(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    (parcel,) = spool.waiting(str(tmp_path))
    with pytest.raises(ParcelDamaged, match=why):
        parcel.read()


def test_a_link_or_a_pipe_in_the_spool_is_no_parcel(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/etc/shadow")
    os.mkfifo(tmp_path / "b.json")
    for parcel in spool.waiting(str(tmp_path)):
        with pytest.raises(ParcelDamaged):
            parcel.read()
