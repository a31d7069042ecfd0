"""Constant databases, read as they lie on the disk: `postmap -s` knows no way through them ("sequence operation is not
supported", after a second of sleep).

Source: D. J. Bernstein, "A structure for constant databases": 256 pairs (position, slots) of 32 bits each, then the
records (length of key, length of value, key, value), then the hash tables. Little-endian.
"""

from __future__ import annotations

from struct import Struct

_PAIR = Struct("<II")
_HEADER = 256 * _PAIR.size


def rows(content: bytes) -> dict[bytes, bytes]:
    """The records, of a key that stands twice the first: the one that is found.

    Raises ValueError where the file is no such database, or was cut short.
    """
    if len(content) < _HEADER:
        raise ValueError("truncated: no header of a constant database")
    end = min(position for position, _ in _PAIR.iter_unpack(content[:_HEADER]))
    tables = max(position + slots * _PAIR.size for position, slots in _PAIR.iter_unpack(content[:_HEADER]))
    if not _HEADER <= end <= tables <= len(content):
        raise ValueError("damaged: its hash tables lie outside of it")
    found: dict[bytes, bytes] = {}
    at = _HEADER
    while at < end:
        if at + _PAIR.size > end:
            raise ValueError("damaged: a record is cut short")
        key, value = _PAIR.unpack_from(content, at)
        at += _PAIR.size
        if at + key + value > end:
            raise ValueError("damaged: a record is cut short")
        text = content[at : at + key + value]
        found.setdefault(text[:key].removesuffix(b"\0"), text[key:].removesuffix(b"\0"))
        at += key + value
    return found
