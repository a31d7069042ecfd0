"""`dataclass(frozen=True, slots=True)` of the standard library, with its methods made when they are first used.

The standard library writes six methods for each class and compiles them while the module is imported, 0.7 ms a class:
a quarter of a plan with nothing to do. Few of the classes are instantiated in one run. Here a constructor is compiled
when the first object is made; the other methods are the same code for every class.

All else is as there: fields, replace, asdict, defaults, inheritance, pattern matching, copying, FrozenInstanceError.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type[Any] | None = None, /, **options: bool) -> Callable[[type[Any]], type[Any]] | type[Any]:
        """The decorator; with other options than these two it is the standard library's own."""
        if cls is None and options == {"frozen": True, "slots": True}:
            return _frozen
        return dataclasses.dataclass(cls, **options)


def _frozen(cls: type[Any]) -> type[Any]:
    cls.__doc__ = cls.__doc__ or cls.__name__  # or the standard library imports inspect to make one up
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    values = _values(made)
    methods = {
        "__init__": _constructor(made),
        "__repr__": _repr,
        "__eq__": _equality(values),
        "__hash__": _hash(values),
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__getstate__": _state,
        "__setstate__": _set_state,
    }
    for name, method in methods.items():
        if vars(cls).get(name) is None:
            setattr(made, name, method)
    return made


def _constructor(cls: type[Any]) -> Callable[..., None]:
    """One that puts the real one in its place and calls it."""

    def first(self: object, *positional: object, **named: object) -> None:
        cls.__init__ = made = _compiled(cls)
        made(self, *positional, **named)

    return first


def _compiled(cls: type[Any]) -> Callable[..., None]:
    """What the standard library would write, but that a slot is set by its own descriptor, which is quicker."""
    names: dict[str, Any] = {"missing": dataclasses.MISSING}
    parameters, lines = ["self"], ["pass"]
    for it in dataclasses.fields(cls):
        name, parameter, value = it.name, it.name, it.name
        if it.default is not dataclasses.MISSING:
            names[f"default_{name}"], parameter = it.default, f"{name}=default_{name}"
        elif it.default_factory is not dataclasses.MISSING:
            names[f"make_{name}"], parameter = it.default_factory, f"{name}=missing"
            value = f"make_{name}() if {name} is missing else {name}"
        names[f"set_{name}"] = getattr(cls, name).__set__
        parameters.append(parameter)
        lines.append(f"set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "".join(f"\n  {line}" for line in lines)
    exec(f"def __init__({', '.join(parameters)}):{body}", names)  # noqa: S102 - names of fields are identifiers
    constructor: Callable[..., None] = names["__init__"]
    constructor.__qualname__ = f"{cls.__qualname__}.__init__"
    return constructor


def _values(cls: type[Any]) -> Callable[[object], object]:
    """What an object is compared by."""
    names = [it.name for it in dataclasses.fields(cls) if it.compare]
    return attrgetter(*names) if names else lambda _: ()


def _equality(values: Callable[[object], object]) -> Callable[[object, object], bool]:
    def is_equal(self: object, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return is_equal


def _hash(values: Callable[[object], object]) -> Callable[[object], int]:
    return lambda self: hash(values(self))


def _fields(self: object) -> tuple[dataclasses.Field[Any], ...]:
    cls: Any = self.__class__
    return dataclasses.fields(cls)


def _repr(self: object) -> str:
    shown = ", ".join(f"{it.name}={getattr(self, it.name)!r}" for it in _fields(self) if it.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: object) -> list[object]:
    return [getattr(self, it.name) for it in _fields(self)]


def _set_state(self: object, state: list[object]) -> None:
    for it, value in zip(_fields(self), state, strict=True):
        object.__setattr__(self, it.name, value)
