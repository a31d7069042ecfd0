"""The variables RECONCILER_SECTION__KEY: which key each sets, and what is wrong with those that set none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import get_origin

from reconciler.errors import Position, Problem
from reconciler.settings.model import Settings
from reconciler.settings.present import DELIMITER, PREFIX, is_override
from reconciler.settings.wording import unknown


def overrides(environ: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """(section, key) → the name of the variable that sets it."""
    return {_target(name): name for name in sorted(environ) if is_override(name)}


def problems(environ: Mapping[str, str]) -> list[Problem]:
    """Variables that name no key, or whose list is no JSON; values are judged with those of the file."""
    found = []
    for section in Settings.model_fields:
        whole = f"{PREFIX}{section}".upper()
        if whole in environ:
            found.append(Problem(place(whole), "a whole section in one variable", f"set {whole}{DELIMITER}KEY"))
    for (section, key), name in overrides(environ).items():
        field = Settings.model_fields.get(section)
        if field is None or field.annotation is None:
            what, fix = unknown(section, tuple(Settings.model_fields), "section")
            found.append(Problem(place(name), what, fix))
            continue
        keys = field.annotation.model_fields
        if key not in keys:
            what, fix = unknown(key, tuple(keys), f"key of [{section}]")
            found.append(Problem(place(name), what, fix))
        elif get_origin(keys[key].annotation) is tuple and not _is_list(environ[name]):
            found.append(Problem(place(name), "a list belongs here", 'write it as JSON: ["one", "two"]'))
    return found


def place(name: str) -> Position:
    """A variable has no line: it is the place."""
    return Position(f"environment {name}")


def _target(name: str) -> tuple[str, str]:
    section, _, key = name[len(PREFIX) :].lower().partition(DELIMITER)
    return section, key


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False
