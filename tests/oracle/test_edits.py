"""After one edit of ours Postfix reads the intended change and nothing else, and only its own lines have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle import edits


@pytest.mark.postfix
def test_an_edit_of_main_cf_is_read_as_it_was_meant(main_file: Path) -> None:
    assert [(edit.what, wrong) for edit, wrong in edits.judged_main(main_file.read_bytes()) if wrong] == []


@pytest.mark.postfix
def test_an_edit_of_master_cf_is_read_as_it_was_meant(master_file: Path) -> None:
    assert [(edit.what, wrong) for edit, wrong in edits.judged_master(master_file.read_bytes()) if wrong] == []


@pytest.mark.postfix
def test_an_edit_of_a_table_is_read_as_it_was_meant(table_file: Path, oracle: Path) -> None:
    if not (oracle / "maps" / f"{table_file.name}.dump.out").exists() or table_file.suffix == ".aliases":
        return
    assert [(edit.what, wrong) for edit, wrong in edits.judged_table(table_file.read_bytes()) if wrong] == []
