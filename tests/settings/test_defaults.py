"""What the settings say stands in for options that were not given."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli import where
from reconciler.cli.main import parser

FILE = """\
[source]
url = "https://git.example.org/state.git"
branch = "production"
subdirectory = "mail"
[instance]
host = "mx1.example.org"
config_directory = "/etc/postfix-out"
state_directory = "/srv/reconciler"
"""


def settled(tmp_path: Path, *argv: str) -> dict[str, str]:
    file = tmp_path / "r.toml"
    file.write_text(FILE)
    arguments = parser().parse_args([*argv, "--settings", str(file)])
    where.settle(arguments)
    return {name: getattr(arguments, name) for name in ("repo", "branch", "path", "host", "config_dir", "state_dir")}


@pytest.mark.parametrize("command", [["plan"], ["apply"], ["verify"], ["explain", "main.cf/x"], ["adopt", "main.cf/x"]])
def test_every_command_takes_its_defaults_from_the_settings(tmp_path: Path, command: list[str]) -> None:
    assert settled(tmp_path, *command) == {
        "repo": "https://git.example.org/state.git",
        "branch": "production",
        "path": "mail",
        "host": "mx1.example.org",
        "config_dir": "/etc/postfix-out",
        "state_dir": "/srv/reconciler",
    }


def test_an_option_wins_and_branch_and_folder_go_with_their_repository(tmp_path: Path) -> None:
    assert settled(tmp_path, "plan", "--repo", ".", "--host", "other", "-c", "/etc/postfix") == {
        "repo": ".",
        "branch": "",
        "path": "",
        "host": "other",
        "config_dir": "/etc/postfix",
        "state_dir": "/srv/reconciler",
    }


def test_the_state_directory_of_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", "/run/other")
    assert settled(tmp_path, "plan")["state_dir"] == "/run/other"
