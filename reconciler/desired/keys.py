"""What the keys of a state file take, in parts that `state_file` is put together from.

A taker gives the value of what stands at a key: a text, a tuple, a dict, or None where nothing does. It raises
ValueError for all else, without a word for a person: those are in the models, which need pydantic (see `refusal`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from reconciler.desired import readers, wording
from reconciler.postfix import values

Taker = Callable[[object], Any]

_REMEMBERED = 10_000  # texts, of which one has a few dozen bytes


@lru_cache(_REMEMBERED)
def converted(convert: Callable[[str], object], text: str) -> object:
    """The same few texts stand in the files of a whole fleet, and in each layer and revision of one host."""
    return convert(text)


@lru_cache(_REMEMBERED)
def become(parameter: str, kind: type, text: str) -> object:
    """A text that Postfix takes for the parameter, as the key's type. Raises ValueError for another one."""
    if kind is bool:
        return readers.yes_or_no(text)
    if parameter.endswith(wording.PATHS):
        return readers.config_path(text)
    readers.plain_text(text)
    values.check(parameter, text)
    if parameter.endswith("_protocols"):
        values.check_some_protocol(text)
    if issubclass(kind, Enum):
        return readers.one_of(kind, text)
    if kind is int:
        return readers.whole_number(text, 0, wording.most(parameter))
    if kind is timedelta:
        return timedelta(seconds=readers.in_range(values.seconds(text), 0, wording.MOST_SECONDS))
    return text


def text(convert: Callable[[str], object]) -> Taker:
    """A text that `convert` makes a value of."""
    return lambda given: converted(convert, _expected(str, given))


def parameter(name: str, kind: type) -> Taker:
    """A text that Postfix takes for the parameter of this name."""
    return lambda given: become(name, kind, _expected(str, given))


def items(item: Taker, least: int = 0) -> Taker:
    """A list of at least so many."""

    def take(given: object) -> tuple[Any, ...]:
        taken = tuple(map(item, _expected(tuple, given)))
        if len(taken) < least:
            raise ValueError(given)
        return taken

    return take


def names(name: Taker, value: Taker) -> Taker:
    """Keys that the file's author chooses, with their values."""
    return lambda given: {name(key): value(below) for key, below in _expected(dict, given).items()}


def section(kind: type, takers: dict[str, Taker], required: frozenset[str] = frozenset()) -> Taker:
    """Keys that are known, as an object of `kind`; one that was taken before is taken as it is."""

    def take(given: object) -> object:
        if type(given) is kind:
            return given
        keys = _expected(dict, given)
        if not (required <= keys.keys() <= takers.keys()):
            raise ValueError(given)
        return kind(**{key: takers[key](value) for key, value in keys.items()})

    return take


def optional(taker: Taker) -> Taker:
    """A key that may stand there without a value."""
    return lambda given: None if given is None else taker(given)


def begun(taker: Taker) -> Taker:
    """A section that says something even where nothing stands below it."""
    return lambda given: taker({} if given is None else given)


def either(word: Taker, more: Taker) -> Taker:
    """A key that takes a word, or more than a word."""
    return lambda given: word(given) if given is None or isinstance(given, str) else more(given)


def anything(given: object) -> object:
    """A key that is accepted and not read yet."""
    return given


def _expected(kind: type, given: object) -> Any:  # noqa: ANN401 - an object of `kind`
    if type(given) is not kind:
        raise ValueError(given)
    return given
