from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from reconciler.cli.main import main
from reconciler.settings import schema
from reconciler.settings.page import page

ROOT = Path(__file__).parents[2]
SECRETS = """\
[source]
url = "https://token-s3cret@git.example.org/state.git"
[store]
url = "postgresql://u:s3cret@db/x"
[alerts]
routes = [{ urls = ["slack://s3cret/a"] }]
"""


def test_every_value_is_shown_with_its_origin_and_no_secret(tmp_path: Path, capsys) -> None:
    file = tmp_path / "r.toml"
    file.write_text(SECRETS)
    assert main(["config", "show", "--settings", str(file)]) == 0
    text = capsys.readouterr().out
    assert f'url = "https://********@git.example.org/state.git"  # {file}:2' in text
    assert 'resync = "15m"' in text
    assert "s3cret" not in text
    assert main(["config", "show", "--settings", str(file), "--format", "json"]) == 0
    told = capsys.readouterr().out
    assert "s3cret" not in told
    shown = json.loads(told)["settings"]
    assert shown["store"]["url"] == {"value": "**********", "origin": f"{file}:4"}
    assert shown["agent"]["resync"] == {"value": "15m", "origin": "default"}


def test_invalid_settings_are_one_error_and_exit_1(tmp_path: Path, capsys) -> None:
    file = tmp_path / "r.toml"
    file.write_text("[agent]\nheel = 1\n")
    assert main(["config", "show", "--settings", str(file)]) == 1
    assert capsys.readouterr().err == f"{file}:2:1: agent.heel: 'heel' is no key; did you mean 'heal'?\n"


def test_the_schema_takes_what_the_program_takes() -> None:
    described = json.loads(schema.generate()[schema.NAME])
    jsonschema.Draft202012Validator.check_schema(described)
    check = jsonschema.Draft202012Validator(described)
    check.validate({"agent": {"heal": "after 15m", "windows": [{"begin": "22:00", "end": "04:00"}]}})
    bad: list[dict[str, dict[str, str]]] = [{"agent": {"resync": "soon"}}, {"agnet": {}}]
    for wrong in [*bad, {"trust": {"signatures": "maybe"}}]:
        with pytest.raises(jsonschema.ValidationError):
            check.validate(wrong)


def test_the_page_of_the_settings_is_current() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text() == page(), "run: make schemas"


def imported(tmp_path: Path, *argv: str, **environ: str) -> set[str]:
    code = "import sys; from reconciler.cli.main import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RECONCILER_")}
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, env=clean | environ, check=True
    )
    return set(done.stderr.split())


@pytest.mark.skipif(Path("/etc/reconciler/reconciler.toml").exists(), reason="this host has settings")
def test_without_settings_no_command_pays_for_them(tmp_path: Path) -> None:
    heavy = {"pydantic_settings", "pydantic", "tomllib"}
    assert not heavy & imported(tmp_path, "plan", "--repo", "/nonexistent", "-c", "/nonexistent")
    assert heavy <= imported(tmp_path, "plan", "--repo", "/nonexistent", RECONCILER_AGENT__HEAL="never")
