"""What a user would run instead, where it is installed: the parameters of the typical host by other tools.

They do less: no plan, no check, no proof, and neither services nor tables.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rival:
    """A command that finds nothing to do; without one, why not."""

    name: str
    goal: str
    argv: tuple[str, ...] = ()
    why: str = ""


def rivals(main_cf: str, parameters: Mapping[str, str], scratch: Path) -> tuple[Rival, ...]:
    """puppet and augtool, each told to set parameters of `main_cf` to what they are."""
    return (_puppet(main_cf, scratch), _augtool(main_cf, parameters, scratch))


def _puppet(main_cf: str, scratch: Path) -> Rival:
    """A file resource with the rendered content, which is how its modules of Postfix end."""
    goal = "ours \u2265 7 times faster"
    if shutil.which("puppet") is None:
        return Rival("puppet apply", goal, why="puppet is not installed (Debian package puppet-agent)")
    rendered, manifest = scratch / "rendered.cf", scratch / "main.pp"
    rendered.write_bytes(Path(main_cf).read_bytes())
    manifest.write_text(f"file {{ '{main_cf}': ensure => file, source => '{rendered}' }}\n")
    own = tuple(f"--{name}={scratch}/puppet" for name in ("confdir", "vardir"))
    return Rival("puppet apply", goal, ("puppet", "apply", *own, str(manifest)))


def _augtool(main_cf: str, parameters: Mapping[str, str], scratch: Path) -> Rival:
    goal = "no goal where nothing is to do"
    if shutil.which("augtool") is None:
        return Rival("augtool set, save", goal, why="augtool is not installed (Debian package augeas-tools)")
    script = scratch / "set.aug"
    lines = [f"set /augeas/load/P/lens Postfix_Main.lns\nset /augeas/load/P/incl {main_cf}\nload\n"]
    lines += [f'set /files{main_cf}/{name} "{value}"\n' for name, value in parameters.items() if '"' not in value]
    script.write_text("".join(lines) + "save\n")
    return Rival("augtool set, save", goal, ("augtool", "--noautoload", "--file", str(script)))
