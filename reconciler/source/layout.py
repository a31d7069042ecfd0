"""Which files of a repository say the state, and how large they may be."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.errors import Position, Problem, StateInvalid

MAX_YAML = 1 << 20
MAX_TABLE = 256 << 20
MAX_FILES = 20_000
FOLDERS = ("hosts", "profiles", "policies")
_STATE = re.compile(r"fleet\.yaml|(hosts|profiles)/[^/]+\.yaml|policies/[^/]+\.map")
_MISNAMED = re.compile(r"fleet\.yml|(hosts|profiles)/[^/]+\.yml")


def is_state(path: str) -> bool:
    """Whether a path, relative and with `/`, is read at all; README, schemas and CI files are not."""
    return _STATE.fullmatch(path) is not None


def is_misnamed(path: str) -> bool:
    """A `.yml` in a place where only `.yaml` is read would be passed over in silence."""
    return _MISNAMED.fullmatch(path) is not None


def limit(path: str) -> int:
    """The most bytes a file may hold."""
    return MAX_TABLE if path.endswith(".map") else MAX_YAML


def refuse(path: str, what: str, fix: str) -> StateInvalid:
    return StateInvalid((Problem(Position(path), what, fix),))


def too_large(path: str, size: int) -> StateInvalid:
    what = f"the file has {size} bytes; at most {limit(path)} are read"
    return refuse(path, what, "move large tables to policies/*.map" if path.endswith(".yaml") else "split the table")


def check_count(files: Mapping[str, bytes], where: str) -> None:
    """Raises StateInvalid where there is no state at all: an empty source never means "remove everything"."""
    if not any(path.startswith("hosts/") for path in files):
        raise refuse(
            "hosts", f"{where} has no hosts/*.yaml, so it declares nothing", "name the state repository with --repo"
        )
