"""A commit or tag as git stores it, taken apart into what was signed and the signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime

from reconciler.frozen import dataclass

_HEADERS = (b"gpgsig", b"gpgsig-sha256")
_SSH, _PGP = b"-----BEGIN SSH SIGNATURE-----", b"-----BEGIN PGP SIGNATURE-----"
_ARMOR = re.compile(rb"-----BEGIN SSH SIGNATURE-----\s+(.*?)\s+-----END SSH SIGNATURE-----\s*", re.DOTALL)
_MAGIC = b"SSHSIG\x00\x00\x00\x01"
_WHEN = re.compile(rb"> (\d{1,11}) [+-]\d{4}$")


class Malformed(ValueError):
    """No object that git would have made; the text says why."""


@dataclass(frozen=True, slots=True)
class SignedObject:
    """`payload` is what the signature is over; `signature` is empty where there is none. `when` is what it claims."""

    payload: bytes
    signature: bytes
    parents: tuple[str, ...]
    when: datetime

    @property
    def kind(self) -> str:
        """`ssh`, `pgp`, or empty for neither."""
        if self.signature.startswith(_SSH):
            return "ssh"
        return "pgp" if self.signature.startswith(_PGP) else ""


def commit(raw: bytes) -> SignedObject:
    """Raises Malformed."""
    head, blank, message = raw.partition(b"\n\n")
    if not blank:
        raise Malformed("a commit without a message")
    kept: list[bytes] = []
    signatures: list[list[bytes]] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(b" "):
            (signatures[-1] if inside else kept).append(line[1:] if inside else line)
            continue
        name, _, value = line.partition(b" ")
        inside = name in _HEADERS
        if inside:
            signatures.append([value])
        else:
            kept.append(line)
    if len(signatures) > 1:
        raise Malformed("more than one signature")
    signature = b"\n".join(signatures[0]) + b"\n" if signatures else b""
    parents = tuple(line[7:].decode("ascii", "replace") for line in kept if line.startswith(b"parent "))
    return SignedObject(b"\n".join(kept) + b"\n\n" + message, signature, parents, _when(kept, b"committer "))


def tag(raw: bytes, name: str) -> tuple[SignedObject, str]:
    """The tag, and the commit it names.

    Raises Malformed, also where the tag was made under another name or names anything but a commit.
    """
    begins = [at for mark in (_SSH, _PGP) if (at := raw.find(b"\n" + mark)) >= 0]
    payload, signature = (raw[: min(begins) + 1], raw[min(begins) + 1 :]) if begins else (raw, b"")
    lines = payload.partition(b"\n\n")[0].split(b"\n")
    if f"tag {name}".encode() not in lines:
        raise Malformed("the tag was made under another name")
    if b"type commit" not in lines or not lines[0].startswith(b"object "):
        raise Malformed("the tag names no commit")
    return SignedObject(payload, signature, (), _when(lines, b"tagger ")), lines[0][7:].decode("ascii", "replace")


def ssh_key(signature: bytes) -> bytes:
    """The public key inside an SSH signature (PROTOCOL.sshsig).

    Raises Malformed.
    """
    armored = _ARMOR.fullmatch(signature)
    try:
        blob = base64.b64decode(armored[1]) if armored else b""
    except binascii.Error as error:
        raise Malformed("an SSH signature that is none") from error
    length = int.from_bytes(blob[10:14], "big")
    key = blob[14 : 14 + length]
    if not blob.startswith(_MAGIC) or not key or len(key) != length:
        raise Malformed("an SSH signature that is none")
    return key


def ssh_fingerprint(key: bytes) -> str:
    """As ssh-keygen -l prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _when(lines: list[bytes], header: bytes) -> datetime:
    found = [match for line in lines if line.startswith(header) and (match := _WHEN.search(line))]
    if len(found) != 1:
        raise Malformed("no time, or more than one")
    return datetime.fromtimestamp(int(found[0][1]), UTC)
