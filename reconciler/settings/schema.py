"""The JSON Schema of the settings file, made of the models."""

from __future__ import annotations

import json
from typing import Any

from reconciler.settings.model import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = "settings-v1.json"


def generate() -> dict[str, bytes]:
    """File name → schema. The version in the name grows when a file that was valid no longer is."""
    schema = _without_titles(Settings.model_json_schema())
    body = {"$schema": DIALECT, "$id": f"urn:postfix-tls-reconciler:schemas:{NAME}", **schema}
    return {NAME: (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()}


def _without_titles(schema: Any) -> Any:  # noqa: ANN401 # JSON
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_titles(item) for key, item in schema.items() if key != "title" or isinstance(item, dict)}
