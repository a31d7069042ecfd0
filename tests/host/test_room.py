"""Too little space is found out before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.host import room
from reconciler.host.files import HostUnwritable
from tests.host.test_files import mounted


def test_what_fits_twice_with_some_to_spare_is_let_through(tmp_path: Path) -> None:
    room.refuse_if_crowded({str(tmp_path / "table"): 1 << 20, str(tmp_path / "missing/main.cf"): 100})


def test_what_does_not_is_refused_with_both_figures(tmp_path: Path) -> None:
    with mounted("-t", "tmpfs", "-o", "size=4m,mode=755", "none", tmp_path):
        with pytest.raises(
            HostUnwritable, match=rf"{tmp_path}: no space left on the file system: 5242880 bytes wanted, \d+ free"
        ):
            room.refuse_if_crowded({str(tmp_path / "a"): 1 << 20, str(tmp_path / "b"): 1 << 20})
        assert os.listdir(tmp_path) == []
