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
import re
from collections.abc import Iterator

from reconciler.errors import SnapshotRefused
from reconciler.frozen import dataclass
from reconciler.model import codec
from reconciler.model.desired import Part
from reconciler.model.published import FORMAT_VERSION, MAXIMUM_SIZE, Published
from reconciler.postfix.table import TableType

NAMESPACE = "postfix-tls-reconciler-snapshot"
SUFFIX = ".snapshot"
BEGIN, END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
MAXIMUM_DOCUMENT, MAXIMUM_LINES = 1 << 18, 4000
_PATH = re.compile(r"/[^\x00-\x1f\x7f]{1,1023}")
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,8}(?:[.-][0-9A-Za-z.-]{1,40})?")
_MODES = 0o7777
_TABLE_TYPES = frozenset({"", *(kind.value for kind in TableType)})
_PARTS = frozenset({"", *(part.value for part in Part)})
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
        seen: Published = codec.decode(Published, body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SnapshotRefused(f"it is no snapshot of ours ({type(error).__name__})") from error
    wrong = next(_wrong(seen), "")
    if wrong:
        raise SnapshotRefused(wrong)
    return seen


def _wrong(seen: Published) -> Iterator[str]:
    """What no snapshot of ours says: bounds that keep reading it cheap, and words that code further on relies upon."""
    if seen.taken.tzinfo is None or any(
        moment.tzinfo is None
        for it in seen.pems
        for certificate in it.facts.certificates
        for moment in (certificate.not_before, certificate.not_after)
    ):
        yield "one of its times is without a time zone"
    for name, document in (("main.cf", seen.main_cf), ("master.cf", seen.master_cf)):
        if len(document) > MAXIMUM_DOCUMENT or document.count("\n") > MAXIMUM_LINES:
            yield f"its {name} has more than {MAXIMUM_DOCUMENT} characters or {MAXIMUM_LINES} lines"
    if not all(_PATH.fullmatch(it) for it in (seen.config_directory, *(it.path for it in seen.tables))):
        yield "one of its paths is none"
    if not _VERSION.fullmatch(seen.mail_version):
        yield "its mail_version is none"
    if any(it.type not in _TABLE_TYPES for it in seen.tables):
        yield "one of its tables is of a type that this program does not read"
    if any(it.part not in _PARTS for it in seen.entries):
        yield "its record names a part of the state that there is not"
    if not all(0 <= it.facts.mode <= _MODES for it in seen.pems):
        yield "the mode of one of its files is none"


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
