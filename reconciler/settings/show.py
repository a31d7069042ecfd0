"""Every value with its origin, as texts; secrets are told to be there, not what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.setting import Setting
from reconciler.settings.load import Loaded

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")


def rows(loaded: Loaded) -> Iterator[Setting]:
    """One row a key, in the order of the models."""
    shown = _masked(loaded.settings.model_dump(mode="json"))
    for (section, key), origin in loaded.origins.items():
        value = shown[section][key]
        yield Setting(section, key, value, written(value), str(origin))


def written(value: Any) -> str:  # noqa: ANN401 # JSON
    """A value as TOML writes it; an unset one has no form there."""
    match value:
        case None:
            return "(none)"
        case dict():
            return "{ " + ", ".join(f"{key} = {written(item)}" for key, item in value.items()) + " }"
        case list():
            return "[" + ", ".join(written(item) for item in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _masked(value: Any) -> Any:  # noqa: ANN401 # JSON
    """pydantic masks what is declared a secret; a user in a URL is masked here."""
    match value:
        case str():
            return _CREDENTIALS.sub("********@", value)
        case Mapping():
            return {key: _masked(item) for key, item in value.items()}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return value
