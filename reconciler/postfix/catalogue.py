"""Which TLS and SASL parameters exist in which Postfix, and of what type.

Read from `parameters.tsv` beside this file, which was derived from `mail_params.h` of every release from 2.2 to 3.12.
What a live host says of itself (`postconf -d`) wins over it: distributions backport.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pkgutil import get_data

from reconciler.frozen import dataclass


class Kind(StrEnum):
    BOOL = "BOOL"
    INT = "INT"
    TIME = "TIME"
    STRING = "STR"
    STRING_OF_BOOL = "NBOOL"  # an expression that gives yes or no
    STRING_OF_INT = "NINT"
    FUNCTION = "STR_FN"
    UNKNOWN = "(unknown)"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`first` and `removed` are (major, minor); `deprecated` is the series from which Postfix warns."""

    name: str
    kind: Kind
    first: tuple[int, int]
    removed: tuple[int, int] | None
    deprecated: tuple[int, int] | None
    replacement: str


@cache
def parameters() -> dict[str, Parameter]:
    """Every parameter of the catalogue, by name."""
    text = get_data("reconciler.postfix", "parameters.tsv") or b""
    return {row.name: row for row in map(_row, text.decode().splitlines()[1:])}


def knows(parameter: Parameter, version: tuple[int, int]) -> bool:
    """Whether a Postfix of that series has the parameter."""
    return parameter.first <= version and not (parameter.removed and parameter.removed <= version)


def advice(parameter: Parameter) -> str:
    """What to write instead of a deprecated parameter, in the imperative."""
    text = parameter.replacement
    if not text or text.startswith("do not specify"):
        return "remove it" + text.removeprefix("do not specify")
    return f"write {text.removeprefix('specify ').strip(chr(34))} instead"


def _row(line: str) -> Parameter:
    name, kind, first, removed, deprecated, replacement = line.split("\t")[:6]
    return Parameter(name, Kind(kind), series(first) or (0, 0), series(removed), series(deprecated), replacement)


def series(text: str) -> tuple[int, int] | None:
    """`3.7.11` and `3.7` are (3, 7); an empty text is None.

    Raises ValueError where it is no version.
    """
    if not text:
        return None
    major, minor, *_ = text.partition("-")[0].split(".")
    return int(major), int(minor)
