from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import SourceUnreadable, Untrusted
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source import handover

STATE = RepoSnapshot({"hosts/mx.yaml": b"enforce: all\n", "policies/p.map": b"\x00\xff\n"}, "4711", "https://git/x")


def test_what_is_handed_over_is_what_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    assert handover.write(path, STATE)
    assert handover.read(path) == STATE


def test_what_keeps_newer_states_away_is_handed_over_too(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    handover.write(path, STATE)
    assert handover.trouble(path) is None
    assert handover.write(path, STATE, Untrusted("4712", "nobody signed it"))
    told = handover.trouble(path)
    assert told is not None
    assert (told.reason, str(told)) == ("Untrusted", "commit 4712: nobody signed it")
    assert handover.read(path) == STATE
    assert handover.write(path, STATE)
    assert handover.trouble(path) is None


def test_the_same_state_is_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "state"
    handover.write(str(path), STATE)
    before = path.stat()
    assert not handover.write(str(path), STATE)
    assert path.stat() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{}\n", b"no json\n", b'{"format_version": "2.0"}\n',
     b'{"format_version": "1.0", "revision": "1", "origin": "", "files": [["hosts/mx.yaml", 99]]}\nshort',
     b'{"format_version": "1.0", "revision": "1", "origin": "", "files": [["../../etc/shadow", 0]]}\n'],
)  # fmt: skip
def test_what_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(SourceUnreadable):
        handover.read(str(path))


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    handover.write(str(tmp_path / "real"), STATE)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    with pytest.raises(SourceUnreadable):
        handover.read(str(tmp_path / "state"))


def test_a_fifo_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "state")
    with pytest.raises(SourceUnreadable):
        handover.read(str(tmp_path / "state"))
