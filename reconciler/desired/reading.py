"""A tree read as one of the files of a state repository."""

from __future__ import annotations

from typing import TypeVar

from reconciler.desired.kept import Kept
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


def read_host(tree: Mapping, kept: Kept) -> HostFile:
    """The same for a host file, alone or with its layers: a section that was taken before is not taken again.

    Raises StateInvalid as `read` does.
    """
    sections = {key: entry for key, entry in tree.entries.items() if key in _SECTIONS}
    before = {key: kept.last(f"file {key}", (entry,)) for key, entry in sections.items()}
    try:
        file: HostFile = TAKERS[HostFile](
            {key: before.get(key) or plain(entry.value) for key, entry in tree.entries.items()}
        )
    except ValueError:
        return read(HostFile, tree)  # which tells where it is wrong
    for key, entry in sections.items():
        kept.keep(f"file {key}", (entry,), getattr(file, key))
    return file


_SECTIONS = frozenset({"incoming", "outgoing", "submission", "submissions"})
