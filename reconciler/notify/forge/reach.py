"""The forge that is meant: its kind, where its API is, which repository, whose token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from enum import StrEnum

from reconciler.errors import UsageError
from reconciler.frozen import dataclass
from reconciler.notify.forge import forgejo, github, gitlab
from reconciler.notify.forge.client import Client, Patience, Token
from reconciler.notify.forge.forgejo import Forgejo
from reconciler.notify.forge.github import GitHub
from reconciler.notify.forge.gitlab import GitLab
from reconciler.notify.forge.model import Forge


class Kind(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"
    GITEA = "gitea"


@dataclass(frozen=True, slots=True)
class Where:
    """`url` is the API's; empty is github.com's or gitlab.com's. `author` is empty where the token may be asked."""

    kind: Kind
    repository: str
    token: Token
    url: str = ""
    author: str = ""
    patience: Patience = field(default_factory=Patience)


@contextmanager
def reach(where: Where) -> Iterator[Forge]:
    """The forge, with its connections kept until the end of the block.

    Raises UsageError where it cannot be meant.
    """
    make, header, url = _of(where.kind)
    if not (where.url or url):
        raise UsageError(f"{where.kind.value} has no one address; name the API, such as https://git.example.org/api/v1")
    with Client(where.url or url, where.token, header, where.patience) as client:
        yield make(client, where.repository, where.author)


def _of(
    kind: Kind,
) -> tuple[Callable[[Client, str, str], Forge], Callable[[str], Mapping[str, str]], str]:
    match kind:
        case Kind.GITHUB:
            return GitHub, github.headers, github.API
        case Kind.GITLAB:
            return GitLab, gitlab.headers, gitlab.API
        case Kind.FORGEJO | Kind.GITEA:
            return Forgejo, forgejo.headers, ""
