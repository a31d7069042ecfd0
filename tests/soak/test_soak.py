"""The short form of `make soak`: every deed once."""

from __future__ import annotations

import pytest

from tests.soak.run import soak


@pytest.mark.postfix
def test_a_host_lives_through_everything_once() -> None:
    told = soak(0.0, seed=4711)
    assert told["edits"] == 5
