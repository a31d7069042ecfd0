"""The systemd units that this program brings, and how they come to stand on a host.

A unit is written with a line that names the digest of the rest: what somebody edited since is told from what an older
version of this program wrote, and is left alone.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from reconciler.errors import UsageError
from reconciler.frozen import dataclass

PREFIX = "/opt/reconciler"
_NAMEABLE = re.compile(r"(/[A-Za-z0-9._+@:-]+)+")
_WRITABLE = b"\nReadWritePaths="
_STAMP = re.compile(rb"\A# Written by `reconciler install-units`, digest ([0-9a-f]{64})\n")
_PACKAGED = Path(__file__).parents[1] / "units"
_CHECKOUT = Path(__file__).parents[2] / "systemd"
_MODE = 0o644

AGENT = ("reconciler.service", "reconciler-puller.service")
TIMER = (
    "reconciler-once.service",
    "reconciler-once.timer",
    "reconciler-puller-once.service",
)
INSTANCE = ("reconciler@.service", "reconciler-puller.service")
WEBHOOK = ("reconciler-webhook.service",)
_ELSEWHERE = {
    "reconciler.sysusers": "etc/sysusers.d/reconciler.conf",
    "reconciler.tmpfiles": "etc/tmpfiles.d/reconciler.conf",
}


class Standing(StrEnum):
    """What is at the place of a unit now."""

    ABSENT = "absent"
    CURRENT = "current"
    OLDER = "older"  # ours, as we wrote it
    EDITED = "edited"  # ours with somebody's changes, or not ours


@dataclass(frozen=True, slots=True)
class Unit:
    """One file to be written: its path on the host, what it shall hold, what stands there now."""

    path: str
    content: bytes
    standing: Standing


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the units are to be: below which `root`, for a program at which `prefix`, writing where else.

    `applier` and `puller` are directories that the settings name and that the units do not allow by themselves.
    """

    root: str = "/"
    prefix: str = PREFIX
    applier: tuple[str, ...] = ()
    puller: tuple[str, ...] = ()


def units(names: Iterable[str], wanted: Wanted) -> tuple[Unit, ...]:
    """These units as they would be written.

    Raises UsageError for a path that no unit can name.
    """
    if not _NAMEABLE.fullmatch(wanted.prefix):
        raise UsageError(f"--prefix {wanted.prefix}: an absolute path without spaces, such as {PREFIX}")
    for path in (*wanted.applier, *wanted.puller):
        if not _NAMEABLE.fullmatch(path):
            raise UsageError(f"{path}: no unit can name this directory; name another in the settings")
    return tuple(_unit(name, wanted) for name in dict.fromkeys((*names, *_ELSEWHERE)))


def write(unit: Unit) -> None:
    """Put it in its place, whole. Raises OSError."""
    path = Path(unit.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    staged = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(staged, flags, _MODE), "wb") as file:
        os.fchmod(file.fileno(), _MODE)
        file.write(unit.content)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


def _unit(name: str, wanted: Wanted) -> Unit:
    directory = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    body = (directory / name).read_bytes().replace(PREFIX.encode() + b"/", wanted.prefix.encode() + b"/")
    more = () if name in WEBHOOK else wanted.puller if name.startswith("reconciler-puller") else wanted.applier
    if more:  # `-`: a directory that is not there yet keeps no unit from starting
        body = body.replace(_WRITABLE, _WRITABLE + "".join(f"-{it} " for it in more).encode())
    content = b"# Written by `reconciler install-units`, digest %s\n" % _digest(body) + body
    path = Path(wanted.root, _ELSEWHERE.get(name, f"etc/systemd/system/{name}"))
    return Unit(str(path), content, _standing(path, content))


def _standing(path: Path, content: bytes) -> Standing:
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return Standing.ABSENT
    if there == content:
        return Standing.CURRENT
    stamp = _STAMP.match(there)
    return Standing.OLDER if stamp and stamp[1] == _digest(there[stamp.end() :]) else Standing.EDITED


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
