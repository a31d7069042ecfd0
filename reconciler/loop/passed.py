"""What came of the agent's last pass: STATE_DIR/<instance>/pass.json, for `reconciler status`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from reconciler.apply import durable
from reconciler.frozen import dataclass
from reconciler.model import codec
from reconciler.model.desired import Part

ENFORCED, OBSERVED = "enforced", "observed"


@dataclass(frozen=True, slots=True)
class Passed:
    """`at` is ISO 8601, `result` a CamelCase word, `parts` has `enforced` or `observed` by name of part."""

    at: str
    result: str
    text: str
    revision: str
    parts: Mapping[str, str] = field(default_factory=dict)


def remember(directory: Path, passed: Passed) -> None:
    """Raises OSError."""
    durable.replace(_file(directory), json.dumps(codec.encode(passed)).encode() + b"\n")


def recall(directory: Path) -> Passed | None:
    """None where no agent has run, or what it left cannot be read: it is only shown."""
    try:
        passed: Passed = codec.decode(Passed, json.loads(_file(directory).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return passed


def _file(directory: Path) -> Path:
    return directory / "pass.json"


def parts(enforced: Iterable[Part]) -> dict[str, str]:
    """Every part of the host file, and whether it is enforced."""
    wanted = frozenset(enforced)
    return {part.value: ENFORCED if part in wanted else OBSERVED for part in Part}
