"""What every forge knows, under one name each."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from reconciler.frozen import dataclass


class State(StrEnum):
    """What a status says. Every forge knows these three, by whatever word."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Status:
    """A commit's status under one `context`; `url` is where there is more to read, or empty."""

    context: str
    state: State
    description: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment as the forge has it."""

    number: int
    author: str
    body: str


class Forge(Protocol):
    """The calls that comments and statuses need.

    Each raises ForgeRefused where the forge says no, ForgeBusy where asking later can help.
    """

    @property
    def most_files(self) -> int:
        """How many files of a pull request it lists; of a larger one it leaves out the rest."""

    def author(self) -> str:
        """Whose comments ours are."""

    def comments(self, pull_request: int) -> Iterator[Posted]:
        """All of them, oldest first."""

    def create(self, pull_request: int, body: str) -> None: ...

    def update(self, pull_request: int, comment: int, body: str) -> None: ...

    def status(self, commit: str, context: str) -> Status | None:
        """The newest one under this context."""

    def set_status(self, commit: str, status: Status) -> None: ...

    def pull_requests(self, branch: str, commit: str, into: str) -> Iterator[int]:
        """The open ones from this branch whose head is this commit; `branch` is OWNER:BRANCH where owners differ.

        `into` is the branch that they go to, or empty for any.
        """

    def changed_files(self, pull_request: int) -> Iterator[tuple[str, str]]:
        """Each file that it touches, by its name and the one it had; no more than `most_files` of them."""
