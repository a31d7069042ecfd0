"""JSON Schemas of the state files, for editors: completion, and the errors of `reconciler validate` while typing.

They accept what an editor's YAML parser makes of a file: `yes` as a text or a boolean, numbers, dates as texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reconciler.desired.fields import Becomes
from reconciler.desired.models import FleetFile, Frozen, HostFile, ProfileFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FILES: dict[str, type[Frozen]] = {
    "host-v1.json": HostFile,
    "fleet-v1.json": FleetFile,
    "profile-v1.json": ProfileFile,
}


def generate() -> dict[str, bytes]:
    """File name → schema. The version in the name grows when a file that was valid no longer is."""
    return {name: _schema(name, model) for name, model in _FILES.items()}


def _schema(name: str, model: type[Frozen]) -> bytes:
    schema = model.model_json_schema()
    for definition, described in definitions(model).items():
        _describe(schema if described is model else schema["$defs"][definition], described)
    body = {"$schema": DIALECT, "$id": f"urn:postfix-tls-reconciler:schemas:{name}", **_as_editors_need_it(schema)}
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()


def definitions(model: type[Frozen]) -> dict[str, type[Frozen]]:
    """Every model that a file's model is made of, by its name."""
    found = {model.__name__: model}
    pending = [model]
    while pending:
        for field in pending.pop().model_fields.values():
            for part in models_in(field.annotation):
                if part.__name__ not in found:
                    found[part.__name__] = part
                    pending.append(part)
    return found


def models_in(annotation: Any) -> Iterator[type[Frozen]]:  # noqa: ANN401 # annotations have no common type
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from models_in(part)


def _describe(schema: dict[str, Any], model: type[Frozen]) -> None:
    """Give every key a title, and name the parameter it becomes."""
    for key, field in model.model_fields.items():
        written = schema["properties"][key]
        written["title"] = key.replace("_", " ").capitalize()
        for mark in field.metadata:
            if isinstance(mark, Becomes):
                written["description"] += f" Postfix: {mark.parameter}."


def _as_editors_need_it(schema: Any) -> Any:  # noqa: ANN401 # JSON
    """Without null, but for sections and lists: these may stand there with everything below commented out."""
    if isinstance(schema, list):
        return [_as_editors_need_it(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    read = {key: _as_editors_need_it(item) for key, item in schema.items() if (key, item) != ("default", None)}
    match read.get("anyOf"):
        case [value, {"type": "null"}] if value.get("type") not in ("array", "object") and "$ref" not in value:
            return {**value, **{key: item for key, item in read.items() if key != "anyOf"}}
        case _:
            return read
