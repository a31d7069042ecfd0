"""Constant databases: what cdb_make wrote is what is read, and nothing else is taken for one."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.postfix import cdb
from tests.oracle import judge


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if "cdb" not in judge.facts().table_types:
        pytest.skip("this Postfix has no cdb tables (postfix-cdb)")
    where = tmp_path_factory.mktemp("cdb")
    (where / "main.cf").touch()
    source = where / "policy"
    source.write_text("".join(f"n{number}.example encrypt ciphers=high\n" for number in range(300)))
    subprocess.run(["postmap", "-c", where, f"cdb:{source}"], check=True, timeout=60)
    return Path(f"{source}.cdb").read_bytes()


def test_the_rows_are_those_of_the_source(built: bytes) -> None:
    assert cdb.rows(built) == {b"n%d.example" % number: b"encrypt ciphers=high" for number in range(300)}


@given(st.data())
def test_a_database_that_was_cut_short_is_no_database(built: bytes, data: st.DataObject) -> None:
    with pytest.raises(ValueError, match=r"truncated|damaged"):
        cdb.rows(built[: data.draw(st.integers(0, len(built) - 1))])


@given(st.binary(max_size=4096))
def test_garbage_raises_nothing_but_a_value_error(garbage: bytes) -> None:
    with suppress(ValueError):
        cdb.rows(garbage)
