"""The import contracts hold, and would notice: each kind of bad import, put into a copy of the tree, breaks one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARROWS = "Upper imports lower only, and siblings are blind to each other"
PURITY = "The pure packages know no machine, no clock, no chance and no network"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "reconciler", tmp_path / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(tree: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def add(tree: Path, package: str, line: str) -> None:
    (tree / "reconciler" / package / "added.py").write_text(f"{line}\n")


def test_the_tree_as_it_is_keeps_them(copied: Path) -> None:
    code, output = lint_imports(copied)
    assert (code, "0 broken" in output) == (0, True), output


@pytest.mark.parametrize(
    ("package", "line", "broken"),
    [
        ("model", "import reconciler.plan", ARROWS),
        ("host", "import reconciler.probe", ARROWS),
        ("report", "import reconciler.cli", ARROWS),
        ("apply", "import reconciler.verify", ARROWS),
        ("live", "import reconciler.desired", ARROWS),
        ("plan", "import os", PURITY),
        ("desired", "from pathlib import Path", PURITY),
        ("live", "from time import monotonic", PURITY),
        ("model", "import git", PURITY),
        ("report", "import structlog", PURITY),
        ("postfix", "from http import HTTPStatus", PURITY),
    ],
)
def test_a_bad_import_breaks_its_contract(copied: Path, package: str, line: str, broken: str) -> None:
    add(copied, package, line)
    code, output = lint_imports(copied)
    assert (code, f"{broken} BROKEN" in output, f"reconciler.{package}.added" in output) == (1, True, True), output


def test_a_package_without_a_layer_is_noticed(copied: Path) -> None:
    (copied / "reconciler" / "helpers").mkdir()
    (copied / "reconciler" / "helpers" / "__init__.py").touch()
    code, output = lint_imports(copied)
    assert (code, "helpers" in output) == (1, True), output
