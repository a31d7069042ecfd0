"""Where a value comes from."""

from __future__ import annotations

from typing import TypeAlias

from reconciler.errors import Position
from reconciler.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Default:
    """Nobody said anything."""

    def __str__(self) -> str:
        return "default"


@dataclass(frozen=True, slots=True)
class InFile:
    """A line of the settings file."""

    position: Position

    def __str__(self) -> str:
        return f"{self.position.file}:{self.position.line}"


@dataclass(frozen=True, slots=True)
class InEnvironment:
    """An environment variable, by its name."""

    name: str

    def __str__(self) -> str:
        return f"environment {self.name}"


Origin: TypeAlias = Default | InFile | InEnvironment
