"""Members of what a forge answers: there, and of the type they should have."""

from __future__ import annotations

import re
from typing import Any

from reconciler.errors import ForgeRefused, UsageError

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def text(item: Any, *names: str) -> str:  # noqa: ANN401
    """The string under these names. Raises ForgeRefused where there is none."""
    value = _member(item, names)
    if not isinstance(value, str):
        raise ForgeRefused(f"the answer has no {'.'.join(names)}")
    return value


def number(item: Any, *names: str) -> int:  # noqa: ANN401
    """The whole number under these names. Raises ForgeRefused where there is none."""
    value = _member(item, names)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ForgeRefused(f"the answer has no {'.'.join(names)}")
    return value


def _member(item: Any, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    for name in names:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def repository(name: str, *, deepest: int) -> str:
    """OWNER/NAME; with `deepest` above 2 also groups in groups.

    Raises UsageError.
    """
    parts = name.split("/")
    if not _REPOSITORY.fullmatch(name) or {".", ".."} & set(parts) or len(parts) > deepest:
        raise UsageError(f"{name!r} is no repository; write OWNER/NAME")
    return name


def commit(name: str) -> str:
    """A full commit hash.

    Raises UsageError.
    """
    if not _COMMIT.fullmatch(name):
        raise UsageError(f"{name!r} is no commit; write all of its 40 or 64 digits")
    return name
