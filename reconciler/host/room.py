"""Whether there is room for what a transaction writes, found out before it writes anything."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from reconciler.host.files import HostUnwritable

_TIMES = 2  # the new version, and what postmap needs while it makes it
_BALLAST = 1 << 20  # bytes; a file system that is filled to the last block takes other programs down


def refuse_if_crowded(sizes: Mapping[str, int]) -> None:
    """Raises HostUnwritable where a file system lacks room for that many bytes beside each of these files."""
    needed: Counter[int] = Counter()
    free: dict[int, tuple[str, int]] = {}
    for path, size in sizes.items():
        directory = _existing(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120 - of a path that may not exist
        device = os.stat(directory).st_dev  # noqa: PTH116
        about = os.statvfs(directory)
        needed[device] += size
        free[device] = directory, about.f_bavail * about.f_frsize
    for device, size in needed.items():
        directory, available = free[device]
        if available < _TIMES * size + _BALLAST:
            wanted = _TIMES * size + _BALLAST
            raise HostUnwritable(
                f"{directory}: no space left on the file system: {wanted} bytes wanted, {available} free"
            )


def _existing(directory: str) -> str:
    while not os.path.isdir(directory):  # noqa: PTH112
        directory = os.path.dirname(directory)  # noqa: PTH120
    return directory
