"""A plan kept for later: what it was made from, so that whoever carries it out can tell what has moved since.

It holds digests and what a plan shows, masked as it is shown; no file's bytes. Carrying it out makes the plan anew and
compares: a file that somebody could edit is never what root writes into main.cf.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from reconciler.frozen import dataclass
from reconciler.model import codec

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything that a plan was made from, and the digest of what came out.

    `desired` and `record` are digests of the state and of the record of the last apply. `live` has for each path that
    was looked at what makes it the same: digest, mode, owner, or that it is absent.
    """

    version: str  # of this program
    mail_version: str
    config_directory: str
    repo: str
    branch: str
    subdirectory: str
    state_directory: str
    host: str
    instance: str
    revision: str
    desired: str
    record: str
    plan: str
    live: Mapping[str, str] = field(default_factory=dict)


def moved(saved: Basis, now: Basis) -> Iterator[str]:
    """What is not as it was when the plan was saved, each in a few words; nothing where all of it is."""
    for name, told in _TOLD.items():
        before, after = getattr(saved, name), getattr(now, name)
        if before != after:
            yield told.format(before=_short(before), after=_short(after))
    for path in sorted(saved.live.keys() | now.live.keys()):
        before, after = saved.live.get(path, "not looked at"), now.live.get(path, "not looked at")
        if before != after:
            yield f"{path}: {_change(before, after)}"
    if saved.plan != now.plan:
        yield "the plan itself comes out differently"


_TOLD = {
    "version": "this program: {before}, now {after}",
    "mail_version": "Postfix: {before}, now {after}",
    "revision": "the state repository: {before}, now {after}",
    "desired": "the declared state",
    "record": "the record of the last apply: another apply has been here since",
}
_SHORT = 19


def _short(value: str) -> str:
    return value[:_SHORT]


def _change(before: str, after: str) -> str:
    """Both are `digest mode uid gid …`, or a word."""
    if "absent" in (before, after):
        return "made since" if before == "absent" else "removed since"
    one, other = before.split(), after.split()
    return "its content has changed" if one[:1] != other[:1] else "its owner, mode or attributes have changed"


def to_json(basis: Basis, shown: Mapping[str, Any]) -> bytes:
    """The file: `shown` is the plan as its own JSON form has it."""
    body = {"basis": codec.encode(basis), "plan": shown}
    whole = {"format_version": FORMAT_VERSION, "digest": _digest(body), **body}
    return json.dumps(whole, indent=1).encode() + b"\n"


def from_json(source: bytes) -> Basis:
    """Read a saved plan back.

    Raises ValueError where it is none, was written by a later major version, or has been edited.
    """
    try:
        whole = json.loads(source)
        version = str(whole["format_version"])
        body = {"basis": whole["basis"], "plan": whole["plan"]}
        digest = whole["digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("not a saved plan; `reconciler plan --out FILE` makes one") from error
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise ValueError(f"its format_version is {version}; this program reads {FORMAT_VERSION}; save it anew")
    if digest != _digest(body):
        raise ValueError("it has been edited since it was saved, or is damaged; save it anew")
    try:
        basis: Basis = codec.decode(Basis, whole["basis"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("not a saved plan; `reconciler plan --out FILE` makes one") from error
    return basis


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
