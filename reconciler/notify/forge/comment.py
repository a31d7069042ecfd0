"""One comment of ours on a pull request: made once, kept current, and nobody else's ever touched."""

from __future__ import annotations

from enum import StrEnum

from reconciler.errors import ForgeBusy, ForgeRefused
from reconciler.notify.forge.model import Forge, Posted

_TRIES = 3
_SHOWN = 255  # characters of a branch's name


class Done(StrEnum):
    """What it took."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def upsert(forge: Forge, pull_request: int, body: str) -> Done:
    """Make `body`, whose first line is our marker, our comment there. Done twice, the second changes nothing.

    Where it is unclear whether a new comment arrived, the forge is asked again before another is made.

    Raises ForgeRefused or ForgeBusy.
    """
    author = forge.author()
    for left in reversed(range(_TRIES)):
        ours = find(forge, pull_request, author, _first(body))
        if ours is None:
            try:
                forge.create(pull_request, body)
            except ForgeBusy:
                if not left:
                    raise
                continue
            return Done.CREATED
        if _plain(ours.body) == _plain(body):
            return Done.UNCHANGED
        forge.update(pull_request, ours.number, body)
        return Done.UPDATED
    raise AssertionError("the last try returns or raises")


def find(forge: Forge, pull_request: int, author: str, marker: str) -> Posted | None:
    """Our oldest comment with this marker: it must be ours by its author too, for everybody can copy the marker."""
    return next((it for it in forge.comments(pull_request) if it.author == author and _first(it.body) == marker), None)


def the_pull_request(forge: Forge, branch: str, commit: str, into: str = "") -> int:
    """The one open pull request from this branch with this commit as its head, into this branch where one is named.

    Raises ForgeRefused where there is none, or more than one.
    """
    found = list(forge.pull_requests(branch, commit, into))
    if len(found) != 1:
        many = "no open pull request" if not found else f"{len(found)} open pull requests"
        where = f" into {into[:_SHOWN]!r}" if into else ""
        raise ForgeRefused(f"{many} from {branch[:_SHOWN]!r} at {commit[:12]}{where}")
    return found[0]


def changed_below(forge: Forge, pull_request: int, places: tuple[str, ...]) -> str | None:
    """The first path of the pull request that is one of these places, or below one.

    Or that there are more files than the forge lists: among the others could be any, put last by their names.
    """
    roots = tuple(place.rstrip("/") for place in places)
    for count, names in enumerate(forge.changed_files(pull_request) if roots else (), start=1):
        for path in names:
            if any(path == it or path.startswith(f"{it}/") for it in roots):
                return path
        if count >= forge.most_files:
            return f"{count} files or more"
    return None


def _plain(body: str) -> str:
    """What forges keep of a body: they may end lines differently, and strip the end."""
    return body.replace("\r\n", "\n").strip()


def _first(body: str) -> str:
    return _plain(body).partition("\n")[0].rstrip()
