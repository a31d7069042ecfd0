"""JSON Schemas of nouns, as the codec writes them."""

from __future__ import annotations

import inspect
import json
import types
from dataclasses import fields
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

from reconciler.model.published import MAXIMUM_SIZE, Published

NAME = "snapshot-v1.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {str: "string", int: "integer", bool: "boolean"}


def generate() -> dict[str, bytes]:
    """File name → schema."""
    return {NAME: (json.dumps(_published(), indent=2, ensure_ascii=False) + "\n").encode()}


def _published() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    root = _noun(Published, definitions)
    root["properties"]["format_version"] = {"type": "string", "pattern": r"^1\.[0-9]+$"}
    about = {"$schema": DIALECT, "$id": f"urn:postfix-tls-reconciler:schemas:{NAME}", "title": "Published snapshot"}
    limit = f"A file holds at most {MAXIMUM_SIZE} bytes, its signature included."
    return {**about, **root, "description": f"{root['description']} {limit}", "$defs": definitions}


def _noun(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    named = {it.name: _schema(hints[it.name], definitions) for it in fields(kind)}
    return {
        "description": " ".join(inspect.cleandoc(kind.__doc__ or "").split()),
        "type": "object",
        "properties": {"kind": {"const": kind.__name__}, **named},
        "required": ["kind", *named],
    }


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(it, definitions) for it in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if kind is type(None):
        return {"type": "null"}
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # a name for what refers to itself
        definitions[kind.__name__] = _noun(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}
