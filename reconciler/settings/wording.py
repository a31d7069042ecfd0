"""What pydantic found, as what is wrong and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from pydantic_core import ErrorDetails

_TYPES = {
    "bool_type": ("true or false belongs here", "write it without quotes"),
    "bool_parsing": ("true or false belongs here", "write it without quotes"),
    "int_type": ("a whole number belongs here", "write it without quotes and unit"),
    "int_parsing": ("a whole number belongs here", "write it without quotes and unit"),
    "int_from_float": ("a whole number belongs here", "leave the fraction out"),
    "string_type": ("a text belongs here", "write it in quotes"),
    "tuple_type": ("a list belongs here", 'write ["…"]'),
    "model_type": ("a section belongs here", "write its keys below a [header]"),
    "model_attributes_type": ("a section belongs here", "write its keys below a [header]"),
    "missing": ("this key is needed here", "write it"),
    "too_short": ("an empty list", "name at least one, or remove the key"),
}


def said(error: ErrorDetails, keys: Sequence[str]) -> tuple[str, str]:
    """(what, fix) of one error; `keys` are those that would have been known at its place."""
    context = error.get("ctx", {})
    kind = error["type"]
    if kind == "refused":
        return str(context["what"]), str(context["fix"])
    if kind == "extra_forbidden":
        return unknown(str(error["loc"][-1]), keys, "key" if len(error["loc"]) > 1 else "section")
    if kind == "enum":
        return "not one of the known words", f"write {context['expected']}"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        return error["msg"].replace("Input should be", "it should be"), "change the value"
    return _TYPES.get(kind, (error["msg"], "change the value"))


def unknown(name: str, known: Sequence[str], kind: str) -> tuple[str, str]:
    """(what, fix) of a name that there is not."""
    close = get_close_matches(name, known, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"write one of: {', '.join(known)}"
    return f"{name!r} is no {kind}", fix
