"""`state_file`, written from `models`: the same keys as plain classes, and what each takes.

Importing pydantic and building the models costs more than all else that a plan does. A file without a mistake needs
neither: pydantic is asked where a file was not taken, and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Discriminator
from pydantic.fields import FieldInfo

from reconciler.desired import readers
from reconciler.desired.fields import Becomes, Given, Reads, Section, kind_of
from reconciler.desired.models import FleetFile, Frozen, HostFile, ProfileFile
from reconciler.desired.schemas import models_in

_HEAD = '''\
"""The files of a state repository as values, and what their keys take. Written by `make schemas` from `models`."""

# fmt: off
from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Literal

from reconciler.desired import readers
from reconciler.desired.keys import Taker, anything, begun, either, items, names, optional, parameter, section, text
from reconciler.desired.kinds import ClientLevel, Grade, SaslType, ServerLevel
from reconciler.frozen import dataclass
from reconciler.model.desired import Part
'''


_FILES = (HostFile, FleetFile, ProfileFile)


def render() -> str:
    """The module as text."""
    made = models()
    classes = (f"\n{_class(model)}" for model in made)
    takers = "\n".join(map(_section, made))
    files = "".join(f"    {model.__name__}: {_taker_name(model)},\n" for model in _FILES)
    lowered = "".join(map(_lowered, made))
    return "\n".join((_HEAD, *classes, f"\n{takers}", _TAKERS.format(files), _PARAMETERS.format(lowered)))


_TAKERS = "TAKERS: dict[type, Taker] = {{\n{}}}"
_PARAMETERS = """\
PARAMETERS: dict[type, tuple[tuple[str, str], ...]] = {{  # key, and the parameter it becomes
{}}}
"""


def models() -> tuple[type[Frozen], ...]:
    """Each behind those that it is made of."""
    found: dict[str, type[Frozen]] = {}

    def visit(model: type[Frozen]) -> None:
        for field in model.model_fields.values():
            for part in models_in(field.annotation):
                visit(part)
        found.setdefault(model.__name__, model)

    for file in _FILES:
        visit(file)
    return tuple(found.values())


def _class(model: type[Frozen]) -> str:
    fields = sorted(model.model_fields.items(), key=lambda it: not it[1].is_required())
    lines = (f"    {key}: {_type(field.annotation)}{_default(field)}\n" for key, field in fields)
    said = (model.__doc__ or "").splitlines()[0]
    return f'@dataclass(frozen=True, slots=True)\nclass {model.__name__}:\n    """{said}"""\n\n{"".join(lines)}'


def _lowered(model: type[Frozen]) -> str:
    """The keys that are parameters under another name, in the order of the model."""
    rows = "".join(
        f'        ("{key}", "{mark.parameter}"),\n'
        for key, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Becomes)
    )
    return f"    {model.__name__}: (\n{rows}    ),\n" if rows else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    return f" = {field.default!s}" if not isinstance(field.default, str | Enum) else f" = {_literal(field.default)}"


def _literal(value: object) -> str:
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple():
            return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
        case _:
            return repr(value)


def _type(annotation: Any) -> str:  # noqa: ANN401 - annotations have no common type
    """As Python writes it, without what pydantic is told."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(map(_type, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(_literal, arguments))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join('...' if it is ... else _type(it) for it in arguments)}]"
    return "None" if annotation is NoneType else annotation.__name__


def _section(model: type[Frozen]) -> str:
    fields = model.model_fields
    lines = "".join(f'        "{key}": {_of_field(field)},\n' for key, field in fields.items())
    required = ", ".join(_literal(key) for key, field in fields.items() if field.is_required())
    more = f"    frozenset({{{required}}}),\n" if required else ""
    return f"{_taker_name(model)} = section(\n    {model.__name__},\n    {{\n{lines}    }},\n{more})"


def _taker_name(model: type[Frozen]) -> str:
    return "_" + "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip("_")


def _of_field(field: FieldInfo) -> str:
    return _taker(field.annotation, tuple(field.metadata))


def _taker(annotation: Any, marks: tuple[Any, ...] = ()) -> str:  # noqa: ANN401 - annotations have no common type
    """The taker of what is annotated, `marks` around it: the outermost says what happens to what was written."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _taker(arguments[0], (*arguments[1:], *marks))
    for mark in reversed(marks):
        match mark:
            case Reads():
                return f"text({_function(mark.convert)})"
            case Becomes() if (kind := kind_of(annotation)) is not tuple:
                return f'parameter("{mark.parameter}", {kind.__name__})'
            case Given():
                return _taker(_present(annotation))
            case Section():
                return f"begun({_taker(_present(annotation))})"
            case Discriminator() if NoneType not in arguments:
                return f"either({', '.join(map(_taker, arguments))})"
    lengths = tuple(mark for mark in marks if hasattr(mark, "min_length"))
    if NoneType in arguments:
        return f"optional({_taker(_present(annotation), lengths)})"
    if origin is tuple:
        least = "".join(f", {length.min_length}" for length in lengths)
        return f"items({_taker(arguments[0])}{least})"
    if origin is dict:
        return f"names({', '.join(map(_taker, arguments))})"
    return "anything" if annotation is object else _taker_name(annotation)


def _present(annotation: Any) -> Any:  # noqa: ANN401 - annotations have no common type
    """Without its `| None`."""
    return Union[tuple(it for it in get_args(annotation) if it is not NoneType)]  # noqa: UP007 - made while it runs


def _function(function: Callable[..., object]) -> str:
    """A function of `readers`, by name."""
    if isinstance(function, partial):
        return f"partial({', '.join((_function(function.func), *_arguments(function)))})"
    name = next(name for name, it in vars(readers).items() if it is function)
    return f"readers.{name}"


def _arguments(function: partial[object]) -> Iterator[str]:
    yield from map(_literal, function.args)
    yield from (f"{name}={_literal(value)}" for name, value in function.keywords.items())
