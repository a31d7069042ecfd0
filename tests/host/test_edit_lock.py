"""Postfix's own lock is taken as Postfix takes it, and nothing of it is left."""

from __future__ import annotations

import fcntl
import os
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Locked
from reconciler.host import edit_lock


def test_both_files_are_locked_and_the_names_are_gone_afterwards(tmp_path: Path) -> None:
    with edit_lock.held(str(tmp_path)):
        assert sorted(os.listdir(tmp_path)) == ["main.cf.tmp", "master.cf.tmp"]
        with (tmp_path / "main.cf.tmp").open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert os.listdir(tmp_path) == []


def test_who_keeps_it_for_long_is_waited_for_and_then_told(tmp_path: Path) -> None:
    with (tmp_path / "main.cf.tmp").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="somebody edits with postconf"), edit_lock.held(str(tmp_path), timedelta(0)):
            pass
    assert os.listdir(tmp_path) == ["main.cf.tmp"]


def test_what_a_postconf_that_died_had_written_is_left_to_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "main.cf.tmp").write_bytes(b"half\n")
    with edit_lock.held(str(tmp_path)):
        pass
    assert (tmp_path / "main.cf.tmp").read_bytes() == b"half\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "main.cf.tmp").symlink_to("victim")
    with pytest.raises(Exception, match=r"main\.cf\.tmp"), edit_lock.held(str(tmp_path)):
        pass
    assert (tmp_path / "victim").exists()
