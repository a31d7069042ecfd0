"""A tree read as one of the files of a state repository."""

from __future__ import annotations

from typing import TypeVar

from reconciler.desired.state_file import TAKERS, FleetFile, HostFile, ProfileFile
from reconciler.desired.tree import Mapping, plain
from reconciler.errors import StateInvalid

File = TypeVar("File", HostFile, FleetFile, ProfileFile)


def read(kind: type[File], tree: Mapping, prefix: tuple[str, ...] = ()) -> File:
    """The tree as a file of this kind. `prefix` is where the tree stands in its file, for the messages.

    Raises StateInvalid with every key and value that is not what such a file takes, one problem for each mistake.
    """
    try:
        taken: File = TAKERS[kind](plain(tree))
    except ValueError as error:
        from reconciler.desired import refusal

        raise StateInvalid(refusal.problems(kind.__name__, tree, prefix)) from error
    return taken
