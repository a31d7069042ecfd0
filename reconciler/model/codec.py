"""The nouns as JSON and back: one codec for everything that is kept or travels.

Told by the type, not by the data: a value is read as what its field declares. Of a union of dataclasses the name of the
class is written along. Bytes become base64, times ISO 8601, durations seconds.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from reconciler.frozen import described

_KIND = "kind"
_PLAIN = (str, int, float, bool, type(None))


def encode(value: object) -> Any:
    """A noun as JSON values."""
    kind: Any = type(value)
    return _encoder(kind)(value)


@cache
def _encoder(kind: Any) -> Callable[[Any], Any]:
    """Told by the class of the value alone, once for each."""
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, _PLAIN):
        return lambda value: value
    if issubclass(kind, bytes):
        return lambda value: base64.b64encode(value).decode()
    if issubclass(kind, date):  # a datetime is one
        return lambda value: value.isoformat()
    if issubclass(kind, timedelta):
        return lambda value: value.total_seconds()
    if issubclass(kind, Mapping):
        return lambda value: [[encode(key), encode(item)] for key, item in value.items()]
    if issubclass(kind, frozenset):
        return lambda value: sorted(map(encode, value))
    if issubclass(kind, tuple):
        return lambda value: list(map(encode, value))
    return _noun_encoder(kind)


def _noun_encoder(kind: type) -> Callable[[Any], Any]:
    if not _is_noun(kind):
        raise TypeError(f"{kind.__name__} is no noun")
    names, head = tuple(described(kind)), {_KIND: kind.__name__}

    def write(value: Any) -> dict[str, Any]:
        written: dict[str, Any] = dict(head)
        for name in names:
            it = getattr(value, name)
            written[name] = it if it.__class__ in _PLAIN else _encoder(it.__class__)(it)
        return written

    return write


def decode(kind: Any, value: Any) -> Any:
    """JSON values as a `kind`.

    Raises ValueError, KeyError or TypeError where they are none.
    """
    return _decoder(kind)(value)


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple:
        inner = _decoder(arguments[0])
        return lambda value: tuple(map(inner, value))
    if origin is frozenset:
        inner = _decoder(arguments[0])
        return lambda value: frozenset(inner(item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        key, item = _decoder(arguments[0]), _decoder(arguments[1])
        return lambda value: {key(left): item(right) for left, right in value}
    return _simple(kind)


def _union(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    optional = type(None) in arguments
    if all(it in _PLAIN for it in arguments):
        return _plain(*arguments)
    named: dict[str, Callable[[Any], Any]] = {it.__name__: _decoder(it) for it in arguments if _is_noun(it)}
    others = [_decoder(it) for it in arguments if it is not type(None) and not _is_noun(it)]

    def read(value: Any) -> Any:
        if value is None and optional:
            return None
        if isinstance(value, dict):
            return named[value[_KIND]](value)
        return others[0](value)

    return read


def _is_noun(kind: Any) -> bool:
    return hasattr(kind, "__match_args__")


def _simple(kind: Any) -> Callable[[Any], Any]:
    if kind in _PLAIN:
        return _plain(kind)
    if kind is bytes:
        return lambda value: base64.b64decode(value, validate=True)
    if kind in (datetime, date):
        return kind.fromisoformat  # type: ignore[no-any-return]
    if kind is timedelta:
        return lambda value: timedelta(seconds=value)
    if issubclass(kind, Enum):
        return kind  # type: ignore[no-any-return]
    hints = get_type_hints(kind)
    declared = described(kind)
    readers = tuple((name, _decoder(hints[name])) for name in declared)
    optional = frozenset(
        name for name, it in declared.items() if it.default is not MISSING or it.default_factory is not MISSING
    )

    def read(value: Any) -> Any:
        """A field with a default may be absent: what was kept before there was one can still be read."""
        if not optional or optional.issubset(value):
            return kind(*[reader(value[name]) for name, reader in readers])
        there = [it for it in readers if it[0] in value or it[0] not in optional]
        return kind(**{name: reader(value[name]) for name, reader in there})

    return read


def _plain(*kinds: Any) -> Callable[[Any], Any]:
    """A reader of what JSON has itself; to Python a `bool` is an `int` too, but not here."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError(f"{value!r} is no {' or '.join(it.__name__ for it in kinds)}")
        return value

    return read
