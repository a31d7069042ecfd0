"""A host and a state of three layers, on disk; the real postconf says what this Postfix is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.main import main

HERE = Path(__file__).parent
HOST = "mx1.example.org"


@dataclass(frozen=True)
class Site:
    config: Path
    repo: Path
    memory: Path
    capture: pytest.CaptureFixture[str]

    def run(self, command: str, *words: str) -> tuple[int, str]:
        """The exit code, and what was said, with the directories of this run named `DIR` and `REPO`."""
        code = main([command, *words, "-c", str(self.config), "--state-dir", str(self.memory), "--host", HOST])
        out, err = self.capture.readouterr()
        return code, (out + err).replace(str(self.config), "DIR").replace(str(self.repo), "REPO")

    def explain(self, address: str, *words: str) -> str:
        code, said = self.run("explain", address, *words)
        assert code == 0, said
        return said

    def with_state(self, address: str) -> str:
        return self.explain(address.replace("DIR", str(self.config)), "--repo", str(self.repo))


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    """The live directory and the state beside this file, tables built."""
    shutil.copytree(HERE / "live", tmp_path / "etc")
    shutil.copytree(HERE / "state", tmp_path / "state")
    for table in ("tls_policy", "senders"):
        subprocess.run(
            ["postmap", "-c", tmp_path / "etc", f"hash:{tmp_path}/etc/{table}"], check=True, capture_output=True
        )
    return Site(tmp_path / "etc", tmp_path / "state", tmp_path / "memory", capsys)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """`golden(name, text)` compares with `golden/<name>.txt`; one that is missing is written anew and fails."""

    def compare(name: str, text: str) -> None:
        path = HERE / "golden" / f"{name}.txt"
        if not path.exists():
            path.write_text(text)
            pytest.fail(f"{path.name} was written anew: read it, then run again")
        assert text == path.read_text()

    return compare
