"""What stands around an instance's files: names as the file system has them, not followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from reconciler.frozen import dataclass


class NameKind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Name:
    """One name. `target` is where it really leads, after every symbolic link; mode and owner are the target's.

    `obstacle` is what keeps the file from being replaced safely, or empty; it is looked for where it was asked for.
    """

    kind: NameKind
    target: str
    mode: int
    uid: int
    gid: int
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`names` by path, those that do not exist left out; `unreadable` is why a table could not be read, by its path."""

    names: Mapping[str, Name] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
