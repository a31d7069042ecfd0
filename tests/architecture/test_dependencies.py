"""What is installed is what was locked: every dependency by version and hash, for the program and for its makers.

Whether each runtime dependency is imported is not checked: GitPython, watchfiles and structlog were chosen before the
parts that use them are all built.
"""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]
DEVELOPMENT = [Requirement(text) for text in PYPROJECT["dependency-groups"]["dev"]]
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def locked(name: str) -> dict[str, tuple[Version, Marker | None]]:
    """The pins of one lock, by name. Fails on any line that is no pin, hash or comment, and on a pin without hash."""
    pins: dict[str, tuple[Version, Marker | None]] = {}
    hashes: dict[str, int] = {}
    current = ""
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if line.lstrip().startswith("#") or not line:
            continue
        if pin := PINNED.fullmatch(line):
            current = canonicalize_name(pin["name"])
            pins[current] = Version(pin["version"]), Marker(pin["marker"]) if pin["marker"] else None
        else:
            assert HASH.fullmatch(line), line
            hashes[current] = hashes.get(current, 0) + 1
    assert pins.keys() == hashes.keys()
    return pins


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [("runtime.lock", RUNTIME), ("dev.lock", RUNTIME + DEVELOPMENT)],
    ids=["runtime", "development"],
)
def test_the_lock_satisfies_every_declared_dependency(lock: str, requirements: list[Requirement]) -> None:
    pins = locked(lock)
    unmet = [
        str(wanted)
        for wanted in requirements
        if (pin := pins.get(canonicalize_name(wanted.name))) is None or pin[0] not in wanted.specifier
    ]
    assert unmet == []


def test_what_runs_on_hosts_is_what_was_tested() -> None:
    development = locked("dev.lock")
    assert {name: development.get(name) for name in locked("runtime.lock")} == locked("runtime.lock")


def test_what_is_installed_here_is_what_was_locked() -> None:
    wanted = {name: pin for name, (pin, marker) in locked("dev.lock").items() if marker is None or marker.evaluate()}
    assert {name: Version(version(name)) for name in wanted} == wanted


def test_the_version_is_said_once_and_the_same() -> None:
    said = re.search(r'__version__ = "([^"]+)"', (ROOT / "reconciler" / "__init__.py").read_text())
    assert said
    assert said[1] == PYPROJECT["project"]["version"]
