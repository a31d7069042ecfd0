from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from reconciler.apply import durable
from reconciler.errors import MachineFailed


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The system names no file where write(2) fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError) as caught:
            durable.replace(tmp_path / "record.json", b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert str(MachineFailed(caught.value)) == f"{tmp_path}/record.json: File too large"
