"""A copied configuration directory, imported and planned for by the commands themselves; `make corpus` takes them all.

The files that these hosts name (certificates, tables) are not there, as with any copied directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.oracle import corpus, judge


def chosen() -> Sequence[object]:
    found = [pytest.param(*pair) for pair in corpus.pairs()][::9]
    return found or [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no corpus at {judge.CORPUS}"))]


@pytest.mark.postfix
@pytest.mark.parametrize(("main", "master"), chosen(), ids=lambda path: path.name if path else "none")
def test_a_real_host_is_imported_and_has_nothing_to_change(main: Path, master: Path) -> None:
    if judge.postconf(main.read_bytes(), master.read_bytes(), "-n").status:
        pytest.skip("Postfix rejects this pair")
    assert corpus.imported(main, master) == ""
