"""What is wrong with a file that was not taken: pydantic's errors as problems at their place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.desired.few import few
from reconciler.desired.models import FleetFile, Frozen, HostFile, ProfileFile
from reconciler.desired.readers import OUTSIDE, did_you_mean
from reconciler.desired.tree import Mapping, Node, Sequence, key_origin_at, origin_at, plain, shown
from reconciler.errors import Problem
from reconciler.postfix import scope

_MODELS: dict[str, type[Frozen]] = {model.__name__: model for model in (HostFile, FleetFile, ProfileFile)}

_SECRETS = frozenset(
    {"password", "passwd", "passphrase", "secret", "credentials", "sasl_password", "private_key", "pass"}
)
_SHAPES = {
    "model_type": ("keys belong below it", "indent them under it: 'key: value'"),
    "dict_type": ("names with values belong below it", "indent them under it: 'name: value'"),
    "tuple_type": ("a list belongs here", "write [value, value]"),
    "too_short": ("the list is empty", "write at least one value, or remove the key"),
}


def problems(name: str, tree: Mapping, prefix: tuple[str, ...]) -> tuple[Problem, ...]:
    """Every key and value that is not what the model of this name takes, one problem for each mistake."""
    model = _MODELS[name]
    try:
        model.model_validate(plain(tree))
    except ValidationError as error:
        details = _causes(error.errors(include_url=False, include_input=False))
        return few(_problem(model, tree, prefix, detail) for detail in details)
    return (Problem(tree.origin.position, f"it is no {name}, and no key of it is wrong", "report it, with the file"),)


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what only follows: a list whose one item is wrong is to pydantic too short as well."""
    blamed = {detail["loc"][:-1] for detail in details}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in blamed]


def _problem(model: type[Frozen], tree: Mapping, prefix: tuple[str, ...], detail: ErrorDetails) -> Problem:
    path, at_key = _place(tree, detail["loc"])
    where = shown((*prefix, *path))
    if detail["type"] == "extra_forbidden":
        return _unknown_key(model, tree, path, where)
    origin = key_origin_at(tree, *map(str, path)) if at_key else origin_at(tree, *path)
    if detail["type"] == "missing":
        return Problem(origin.position, f"{where} is missing", fix="write it")
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "refused":
        return Problem(origin.position, f"{where}: {context['what']}", context["fix"], context["why"])
    what, fix = _SHAPES.get(detail["type"], (detail["msg"], ""))
    return Problem(origin.position, f"{where}: {what}", fix)


def _place(tree: Mapping, location: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], bool]:
    """The path of pydantic's location in the tree, and whether it is the key that is wrong.

    Pydantic adds words of its own, which a file may hold as keys as well: the tree says which is which.
    """
    path: list[str | int] = []
    node: Node | None = tree
    for step in location:
        below = _below(node, step)
        if below is None and step in _OF_PYDANTIC:
            continue
        path.append(step)
        node = below
    at_key = location[-1:] == ("[key]",) and path[-1:] != ["[key]"]
    return tuple(path), at_key


_OF_PYDANTIC = ("<word>", "<section>", "[key]")


def _below(node: Node | None, step: str | int) -> Node | None:
    match node:
        case Mapping() if isinstance(step, str) and step in node.entries:
            return node.entries[step].value
        case Sequence() if isinstance(step, int) and step < len(node.items):
            return node.items[step]
        case _:
            return None


def _unknown_key(model: type[Frozen], tree: Mapping, path: tuple[str | int, ...], where: str) -> Problem:
    key = str(path[-1])
    position = key_of(tree, path).position
    section = _section(model, path)
    known = tuple(section.model_fields)
    if key.lower() in _SECRETS:
        return Problem(
            position,
            f"{where}: a secret has no place in a state repository",
            fix="remove it, and change it: passwords and keys stay on the host",
            why="everybody who can read the repository, now or later, has read it",
        )
    close = did_you_mean(key, known)
    if not close and scope.in_scope(key):
        return Problem(position, f"{where}: there is no such key", fix="write it under 'parameters:'")
    if not close and _is_known_danger(key):
        return Problem(
            position,
            f"{where}: not for a state repository to set, {scope.refusal(key)}",
            fix=OUTSIDE,
            why="a commit must not be able to open a relay or to run a program",
        )
    return Problem(position, f"{where}: there is no such key", fix=f"{close}write one of: {', '.join(known)}")


def key_of(tree: Mapping, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 # an Origin
    """Where the last key of a path stands, lists on the way included."""
    texts = tuple(step for step in path if isinstance(step, str))
    return key_origin_at(tree, *texts) if len(texts) == len(path) else origin_at(tree, *path)


_OUT_OF_SCOPE = scope.refusal("x")


def _is_known_danger(name: str) -> bool:
    return scope.refusal(name) not in (None, _OUT_OF_SCOPE)


def _section(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel]:
    """The model of the keys among which the last step of `path` stands."""
    for step in path[:-1]:
        field = model.model_fields.get(step) if isinstance(step, str) else None
        if field is not None:
            model = next(_models(field.annotation), model)
    return model


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for option in get_args(annotation):
        yield from _models(option)
