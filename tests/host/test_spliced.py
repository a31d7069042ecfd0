"""A large compiled table changed in a copy: what is not looked up must not be lost with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.host import files, spliced
from reconciler.host.instance import PrivateInstance, workspace
from reconciler.model.snapshot import Excerpt, Hunk

pytestmark = pytest.mark.postfix
ROWS = 20_000


@pytest.fixture(scope="module")
def instance() -> Iterator[PrivateInstance]:
    with workspace() as directory:
        yield PrivateInstance.create(directory, "mx1.example.org")


@pytest.fixture
def table(instance: PrivateInstance) -> Path:
    text = "".join(f"domain{at:05}.example encrypt\n" for at in range(ROWS))
    path = Path(instance.write("policy", text))
    instance.postfix.build("hash", str(path))
    return path


def one_row(path: Path) -> Excerpt:
    content = path.read_bytes()
    old, new = b"domain10000.example encrypt\n", b"domain10000.example may\n"
    start = content.index(old)
    with files.opened(str(path)) as text:
        return Excerpt((Hunk(start, start + len(old), old, new),), text.size, text.mark)


def test_a_row_is_changed_in_a_copy(instance: PrivateInstance, table: Path) -> None:
    made = spliced.amend(instance.postfix, "hash", str(table), one_row(table), files.read(str(table)))
    assert made is not None
    Path(made).replace(f"{table}.db")
    assert instance.postfix.query("hash", str(table), "domain10000.example") == "may"
    assert instance.postfix.query("hash", str(table), "domain19999.example") == "encrypt"


def test_a_copy_of_what_was_damaged_unseen_is_not_taken(instance: PrivateInstance, table: Path) -> None:
    compiled = Path(f"{table}.db")
    about = compiled.stat()
    with compiled.open("r+b") as file:  # a tenth of its pages, but for the first ones
        for page in range(40, about.st_size // 4096, 10):
            file.seek(page * 4096)
            file.write(bytes(4096))
    os.utime(compiled, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert spliced.amend(instance.postfix, "hash", str(table), one_row(table), files.read(str(table))) is None
