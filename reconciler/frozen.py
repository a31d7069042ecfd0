"""`dataclass(frozen=True)` of the standard library, with what it makes made when it is first used.

The standard library writes six methods for each class and compiles them while the module is imported, 0.7 ms a class,
and reads what is declared of each field: a quarter of a plan with nothing to do. Few of the classes are instantiated in
one run. Here each method is compiled when it is first called, or is the same code for every class, and the standard
library is asked for its fields once somebody asks for them.

All else is as there: fields, replace, asdict, defaults, inheritance, pattern matching, copying, FrozenInstanceError.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["dataclass", "described", "replace"]

_Names = dict[str, Any]  # what the text of a method refers to

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:

    def dataclass(cls: type[Any] | None = None, /, **options: bool) -> Callable[[type[Any]], type[Any]] | type[Any]:
        """The decorator; with other options than `frozen` and `slots` it is the standard library's own."""
        if cls is None and options == {"frozen": True, "slots": True}:
            return _with_slots
        if cls is None and options == {"frozen": True}:
            return _without_slots
        return dataclasses.dataclass(cls, **options)

    def replace(it, /, **changes):  # noqa: ANN001, ANN003, ANN201 - as there
        """That of the standard library, for classes all of whose fields are given to their constructor."""
        for name in it.__match_args__:
            if name not in changes:
                changes[name] = getattr(it, name)
        return it.__class__(**changes)


def _with_slots(cls: type[Any]) -> type[Any]:
    """Another class of the same text: slots cannot be given to one that is there."""
    body = {name: it for name, it in vars(cls).items() if name not in _OF_THE_FIRST_CLASS}
    declared = {name: body.pop(name, dataclasses.MISSING) for name in body.get("__annotations__", {})}
    inherited = _names(cls.__bases__)
    body["__slots__"] = tuple(name for name in declared if name not in inherited)
    made: type[Any] = type(cls)(cls.__name__, cls.__bases__, body)  # type: ignore[misc]
    made.__qualname__ = cls.__qualname__
    return _frozen(made, declared, _SHARED | _OF_SLOTS)


def _without_slots(cls: type[Any]) -> type[Any]:
    declared = {name: vars(cls).get(name, dataclasses.MISSING) for name in vars(cls).get("__annotations__", {})}
    for name, it in declared.items():
        if isinstance(it, dataclasses.Field):
            delattr(cls, name)  # no class has a field for its attribute
    return _frozen(cls, declared, _SHARED)


def _frozen(cls: type[Any], declared: _Names, shared: _Names) -> type[Any]:
    """With `declared`, what stands behind the name of each field of its own."""
    inherited, own = _names(cls.__bases__), frozenset(vars(cls))
    cls.__match_args__ = (*inherited, *(it for it in declared if it not in inherited))  # type: ignore[misc]
    cls.__doc__ = cls.__doc__ or cls.__name__
    setattr(cls, _DECLARED, declared)
    for name, write in _WRITTEN.items():
        if name not in own or (name == "__hash__" and vars(cls)[name] is None):
            setattr(cls, name, _when_first_used(cls, name, write))
    for name, method in shared.items():
        if name not in own:
            setattr(cls, name, method)
    for name in _TOLD:
        setattr(cls, name, _WhenAsked(cls, name))
    return cls


def _names(bases: tuple[type[Any], ...]) -> tuple[str, ...]:
    return tuple(name for base in bases for name in getattr(base, "__match_args__", ()))


class _WhenAsked:
    """Something that the standard library notes of its classes."""

    def __init__(self, cls: type[Any], name: str) -> None:
        self.cls, self.name = cls, name

    def __get__(self, _instance: object, _owner: type[Any]) -> Any:  # noqa: ANN401 - whatever it notes
        cls, declared = self.cls, vars(self.cls)[_DECLARED]
        body = {name: it for name, it in declared.items() if it is not dataclasses.MISSING}
        body |= {"__annotations__": cls.__annotations__, "__module__": cls.__module__, "__doc__": cls.__doc__}
        twin: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(type(cls.__name__, cls.__bases__, body))
        for name in _TOLD:
            setattr(cls, name, getattr(twin, name))
        return getattr(cls, self.name)


def described(cls: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """What is declared of each field of a data class, by its name; only the standard library's fields know theirs."""
    found = _DESCRIBED.get(cls)
    if found is None:
        found = _DESCRIBED[cls] = {}
        for base in reversed(cls.__mro__):
            if _DECLARED in vars(base):
                found |= {name: _field(given) for name, given in vars(base)[_DECLARED].items()}
            elif _TOLD[0] in vars(base):
                found |= {it.name: it for it in dataclasses.fields(base)}
    return found


def _field(given: Any) -> dataclasses.Field[Any]:  # noqa: ANN401 - a default of any class
    return given if isinstance(given, dataclasses.Field) else dataclasses.field(default=given)


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
    slots = frozenset(name for base in cls.__mro__ for name in vars(base).get("__slots__", ()))
    parameters, lines = ["self"], ["pass"]
    for name, it in described(cls).items():
        parameter, value = name, name
        if it.default is not dataclasses.MISSING:
            names[f"default_{name}"], parameter = it.default, f"{name}=default_{name}"
        elif it.default_factory is not dataclasses.MISSING:
            names[f"make_{name}"], parameter = it.default_factory, f"{name}=missing"
            value = f"make_{name}() if {name} is missing else {name}"
        parameters.append(parameter)
        if name in slots:
            names[f"set_{name}"] = getattr(cls, name).__set__
            lines.append(f"set_{name}(self, {value})")
        else:
            lines.append(f"self.__dict__[{name!r}] = {value}")
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
    return f"({''.join(f'{whose}.{name}, ' for name, it in described(cls).items() if it.compare)})"


def _repr(self: object) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, it in described(self.__class__).items() if it.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: object) -> list[object]:
    return [getattr(self, name) for name in described(self.__class__)]


def _set_state(self: object, state: list[object]) -> None:
    for name, value in zip(described(self.__class__), state, strict=True):
        object.__setattr__(self, name, value)


_DECLARED = "__declared__"
_DESCRIBED: dict[type[Any], dict[str, dataclasses.Field[Any]]] = {}
_TOLD = ("__dataclass_fields__", "__dataclass_params__")
_OF_THE_FIRST_CLASS = frozenset({"__dict__", "__weakref__"})
_WRITTEN = {"__init__": _constructor, "__eq__": _equality, "__hash__": _hash}
_SHARED: dict[str, Callable[..., Any]] = {
    "__repr__": _repr,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
}
_OF_SLOTS: dict[str, Callable[..., Any]] = {"__getstate__": _state, "__setstate__": _set_state}
