"""The corpus of real configurations lies beside the project, not in it."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def corpus_files(folder: str) -> list[object]:
    """The files of one kind, as parameters; one skipped parameter with the reason where there is no corpus."""
    files = sorted(path for path in (CORPUS / folder).glob("*") if path.is_file())
    if not files:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no corpus at {CORPUS}"))]
    return [pytest.param(path, id=path.name) for path in files]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`main_cf`, `master_cf`, `table_file` and `template` stand for every file of the corpus of that kind."""
    kinds = {"main_file": "main", "master_file": "master", "table_file": "maps", "template": "templates"}
    for argument, folder in kinds.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, corpus_files(folder))


@pytest.fixture
def oracle() -> Path:
    return CORPUS / "oracle"
