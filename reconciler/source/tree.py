"""State files out of a tree of git: blobs are read, nothing is checked out."""

from __future__ import annotations

from collections.abc import Iterator

from git.objects import Blob, Tree
from git.objects.submodule.base import Submodule

from reconciler.errors import SourceUnreadable
from reconciler.source.layout import FOLDERS, MAX_FILES, is_misnamed, is_state, limit, refuse, too_large

_FORMAT, _REGULAR = 0o170000, 0o100000


def read(tree: Tree, subdirectory: str, shown: str) -> dict[str, bytes]:
    """Every state file below `subdirectory`.

    Raises SourceUnreadable where there is no such folder, StateInvalid for links, submodules and too much.
    """
    return dict(_files(below(tree, subdirectory, shown)))


def below(tree: Tree, subdirectory: str, shown: str) -> Tree:
    """Raises SourceUnreadable where there is no such folder."""
    for name in filter(None, subdirectory.strip("/").split("/")):
        found = next((item for item in tree.trees if _name(item) == name), None)
        if found is None:
            raise SourceUnreadable(f"{shown}: there is no folder {subdirectory!r} in it")
        tree = found
    return tree


def blobs(tree: Tree) -> dict[str, Blob]:
    """The state files that are files, unread and unjudged."""
    return {path: item for path, item in _entries(tree) if is_state(path) and isinstance(item, Blob)}


def _files(tree: Tree) -> Iterator[tuple[str, bytes]]:
    count = 0
    for path, item in _checked(tree):
        if is_misnamed(path):
            raise refuse(path, "only files that end in .yaml are read", f"rename it to {path.removesuffix('yml')}yaml")
        if not is_state(path):
            continue
        count += 1
        if count > MAX_FILES:
            raise refuse(path, f"more than {MAX_FILES} state files", "split the repository")
        if not isinstance(item, Blob) or item.mode & _FORMAT != _REGULAR:
            raise refuse(path, "a symbolic link or a submodule; state files are read as they are", "put the file there")
        if item.size > limit(path):
            raise too_large(path, item.size)
        yield path, item.data_stream.read()


def _checked(tree: Tree) -> Iterator[tuple[str, Tree | Blob | Submodule]]:
    for item in tree:
        if _name(item) in FOLDERS and not isinstance(item, Tree):
            what = "a symbolic link or a file in place of a folder"
            raise refuse(_name(item), what, "put the folder itself there")
    yield from _entries(tree)


def _entries(tree: Tree) -> Iterator[tuple[str, Tree | Blob | Submodule]]:
    for item in tree:
        name = _name(item)
        if isinstance(item, Tree):
            yield from ((f"{name}/{_name(inner)}", inner) for inner in item if name in FOLDERS)
        else:
            yield name, item


def _name(item: Tree | Blob | Submodule) -> str:
    """The last part of its path: a submodule has no other name without its .gitmodules."""
    return str(item.path).rpartition("/")[2]
