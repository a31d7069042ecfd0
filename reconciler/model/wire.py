"""A published snapshot as bytes: canonical JSON, and in front of it the signature over it.

    -----BEGIN SSH SIGNATURE-----
    …
    -----END SSH SIGNATURE-----
    {
     "format_version": "1.0",
     …

One file, so that the two are never of different moments; `sed '1,/^-----END/d'` gives what was signed. What comes in
may have been written by anybody: it is bounded before it is read, and refused with one typed error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from reconciler.errors import SnapshotRefused
from reconciler.model import codec
from reconciler.model.published import FORMAT_VERSION, MAXIMUM_SIZE, Published

NAMESPACE = "postfix-tls-reconciler-snapshot"
SUFFIX = ".snapshot"
BEGIN, END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_MAXIMUM_SIGNATURE = 4096  # bytes; one of Ed25519 has 300


@dataclass(frozen=True, slots=True)
class Signed:
    """What a file holds: the message, and the armoured signature over it, empty where there is none."""

    message: bytes
    signature: bytes


def to_json(seen: Published) -> bytes:
    """The same snapshot is the same bytes: keys sorted, one line each, ASCII."""
    return (json.dumps(codec.encode(seen), sort_keys=True, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def from_json(message: bytes) -> Published:
    """Read a snapshot that anybody may have written.

    Raises SnapshotRefused where it is none, one of a later major version, or too large.
    """
    if len(message) > MAXIMUM_SIZE:
        raise SnapshotRefused(f"it has more than {MAXIMUM_SIZE} bytes")
    try:
        body = json.loads(message)
        version = str(body["format_version"])
        if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            raise SnapshotRefused(f"its format_version is {version[:20]!r}; this program reads {FORMAT_VERSION}")
        seen = codec.decode(Published, body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SnapshotRefused(f"it is no snapshot of ours ({type(error).__name__})") from error
    if not isinstance(seen, Published) or seen.taken.tzinfo is None:
        raise SnapshotRefused("it does not say when it was taken, with a time zone")
    return seen


def wrap(message: bytes, signature: bytes) -> bytes:
    """The file that is published."""
    return signature + message


def unwrap(content: bytes) -> Signed:
    """A file as message and signature.

    Raises SnapshotRefused where it is too large, or its signature does not end.
    """
    if len(content) > MAXIMUM_SIZE:
        raise SnapshotRefused(f"it has more than {MAXIMUM_SIZE} bytes")
    if not content.startswith(BEGIN):
        return Signed(content, b"")
    end = content.find(END, 0, _MAXIMUM_SIGNATURE)
    if end < 0:
        raise SnapshotRefused("its signature has no end")
    at = end + len(END)
    return Signed(content[at:], content[:at])
