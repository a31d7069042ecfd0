"""`dataclass(frozen=True, slots=True)` of the standard library, with its methods made when they are first used.

The standard library writes six methods for each class and compiles them while the module is imported, 0.7 ms a class:
a quarter of a plan with nothing to do. Few of the classes are instantiated in one run. Here each method is compiled
when it is first called, or is the same code for every class.

All else is as there: fields, replace, asdict, defaults, inheritance, pattern matching, copying, FrozenInstanceError.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass"]

_Names = dict[str, Any]  # what the text of a method refers to

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
    methods = {name: _when_first_used(made, name, write) for name, write in _WRITTEN.items()}
    for name, method in (methods | _SHARED).items():
        if vars(cls).get(name) is None:
            setattr(made, name, method)
    return made


def _when_first_used(cls: type[Any], name: str, write: Callable[[type[Any], _Names], str]) -> Callable[..., Any]:
    """A method that puts the real one in its place and calls it."""

    def first(self: object, *positional: object, **named: object) -> Any:  # noqa: ANN401 - whatever that one gives
        names: _Names = {}
        exec(write(cls, names), names)  # noqa: S102 - names of fields are identifiers
        method = names[name]
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, method)
        return method(self, *positional, **named)

    return first


def _constructor(cls: type[Any], names: _Names) -> str:
    """As the standard library writes it, but that a slot is set by its own descriptor, which is quicker."""
    names["missing"] = dataclasses.MISSING
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
    return f"def __init__({', '.join(parameters)}):" + "".join(f"\n  {line}" for line in lines)


def _equality(cls: type[Any], _names: _Names) -> str:
    compared = f"{_values(cls, 'self')} == {_values(cls, 'other')}"
    return f"def __eq__(self, other): return {compared} if other.__class__ is self.__class__ else NotImplemented"


def _hash(cls: type[Any], _names: _Names) -> str:
    return f"def __hash__(self): return hash({_values(cls, 'self')})"


def _values(cls: type[Any], whose: str) -> str:
    """What an object is compared by."""
    return f"({''.join(f'{whose}.{it.name}, ' for it in dataclasses.fields(cls) if it.compare)})"


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


_WRITTEN = {"__init__": _constructor, "__eq__": _equality, "__hash__": _hash}
_SHARED: dict[str, Callable[..., Any]] = {
    "__repr__": _repr,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _set_state,
}
