"""Whole host files, as a person would want them: one for each live directory of tests/golden.

A case that lacks its file is written anew; read what was written before it is committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent / "golden"
CASES = sorted(path.parent.name for path in (Path(__file__).parents[1] / "golden").glob("*/live"))


@pytest.mark.parametrize("case", CASES)
def test_the_host_file_is_the_golden_one(case: str, golden_host) -> None:
    made = golden_host(case).text()
    expected = HERE / f"{case}.yaml"
    if not expected.exists():
        expected.write_text(made)
        pytest.fail(f"{expected.name} was written anew: read it, then run again")
    assert made == expected.read_text()


@pytest.mark.parametrize("case", CASES)
def test_a_plan_with_it_has_nothing_to_change(case: str, golden_host) -> None:
    host = golden_host(case)
    made = host.plan(host.imported().files)
    assert (made.changes, made.observed, made.guards) == ((), (), ())
