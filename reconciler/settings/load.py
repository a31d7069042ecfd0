"""The settings of this host, read and validated: every problem at once, each with its place."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.errors import Position, Problem, SettingsInvalid
from reconciler.frozen import dataclass
from reconciler.settings import environment
from reconciler.settings.model import Settings
from reconciler.settings.origin import Default, InEnvironment, InFile, Origin
from reconciler.settings.positions import Path, positions
from reconciler.settings.present import chosen
from reconciler.settings.wording import said

_MAX = 1 << 20  # bytes
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each value comes from, by section and key. `file` is empty where there is none."""

    settings: Settings
    origins: Mapping[tuple[str, str], Origin]
    file: str


def load(file: str = "") -> Loaded:
    """Read the file (the usual one where none is named) and the environment over it.

    Raises SettingsInvalid.
    """
    path, named = chosen(file)
    text = _read(path, named=named)
    values = _parse(text, path)
    places = positions(text, path)
    wrong = environment.problems(os.environ)
    if wrong:
        raise SettingsInvalid(tuple(wrong))
    set_by = environment.overrides(os.environ)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsInvalid(tuple(_problem(it, places, set_by, path) for it in error.errors())) from None
    return Loaded(settings, _origins(places, set_by), path if text or named else "")


def _read(path: str, *, named: bool) -> str:
    try:
        with FilePath(path).open("rb") as stream:
            content = stream.read(_MAX + 1)
    except FileNotFoundError:
        if named:
            raise _refused(Position(path), "there is no such file", "name the settings file with --settings") from None
        return ""
    except OSError as error:
        raise _refused(Position(path), f"not readable: {error.strerror}", "run as root, or name another") from error
    if len(content) > _MAX:
        raise _refused(Position(path), f"over {_MAX} bytes", "leave only settings in it")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(Position(path, line), "not UTF-8", "save the file as UTF-8") from error


def _parse(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        what = _AT.sub("", str(error))
        end = text.count("\n") + 1, len(text) - text.rfind("\n")
        line, column = (int(found[1]), int(found[2])) if found and found[1] else end
        raise _refused(Position(path, line, column), f"this is no TOML: {what}", "correct the line") from None
    except RecursionError:
        raise _refused(Position(path), "nested too deeply", "leave only settings in it") from None


def _refused(position: Position, what: str, fix: str) -> SettingsInvalid:
    return SettingsInvalid((Problem(position, what, fix),))


def _problem(
    error: ErrorDetails, places: Mapping[Path, Position], set_by: Mapping[tuple[str, str], str], file: str
) -> Problem:
    where: Path = error["loc"]
    what, fix = said(error, _known(where))
    named = ".".join(str(part) for part in where)
    section, key = (*(str(part) for part in where[:2]), "", "")[:2]
    if (section, key) in set_by:
        place = environment.place(set_by[section, key])
    else:
        place = next((places[where[:end]] for end in range(len(where), 0, -1) if where[:end] in places), Position(file))
    return Problem(place, f"{named}: {what}", fix)


def _known(where: Path) -> Sequence[str]:
    """The keys that may stand where an unknown one does."""
    model: type[BaseModel] = Settings
    for part in where[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model(model.model_fields[part].annotation) or model
    return tuple(model.model_fields)


def _model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 # annotations have no common type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part))), None)


def _origins(
    places: Mapping[Path, Position], set_by: Mapping[tuple[str, str], str]
) -> Mapping[tuple[str, str], Origin]:
    origins: dict[tuple[str, str], Origin] = {}
    for section, field in Settings.model_fields.items():
        for key in (_model(field.annotation) or Settings).model_fields:
            if (section, key) in set_by:
                origins[section, key] = InEnvironment(set_by[section, key])
            elif (section, key) in places:
                origins[section, key] = InFile(places[section, key])
            else:
                origins[section, key] = Default()
    return origins
