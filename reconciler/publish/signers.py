"""Who may sign which host's snapshots: a file of allowed signers, as ssh-keygen(1) has it.

    mx1.example.org namespaces="postfix-tls-reconciler-snapshot" ssh-ed25519 AAAA…

Of its options `namespaces`, `valid-after` and `valid-before` are known; a line with another one is refused, for it may
be there to forbid something.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reconciler.errors import SnapshotRefused, UsageError
from reconciler.frozen import dataclass
from reconciler.model.wire import BEGIN, END, NAMESPACE, Signed
from reconciler.publish.sshsig import KIND, MAGIC, signed_data, string

_OPTION = re.compile(r'([a-z-]+)(?:="([^"]*)")?,?')
_FIELD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_HASHES = (b"sha512", b"sha256")
_LENGTH = 32  # bytes of an Ed25519 key


@dataclass(frozen=True, slots=True)
class Signer:
    """One line: for which principals, which key, and from when until when it counts."""

    principals: tuple[str, ...]
    public: bytes  # the key as SSH writes it
    after: datetime | None = None
    before: datetime | None = None
    namespaces: tuple[str, ...] = ("*",)

    def may_sign(self, name: str, taken: datetime) -> bool:
        """Whether the line is for HOST or HOST@INSTANCE at that moment; a host's is for all its instances."""
        if not any(fnmatchcase(NAMESPACE, pattern) for pattern in self.namespaces):
            return False
        if (self.after and taken < self.after) or (self.before and taken >= self.before):
            return False
        names = dict.fromkeys((name, name.partition("@")[0]))
        if any(it.startswith("!") and _is(names, it[1:]) for it in self.principals):
            return False
        return any(_is(names, it) for it in self.principals)


@dataclass(frozen=True)
class Signers:
    """Everybody who may sign."""

    lines: tuple[Signer, ...]

    def check(self, signed: Signed) -> tuple[Signer, ...]:
        """The lines of the key that signed the message: whom they are for is in the message, which may now be read.

        Raises SnapshotRefused where nobody that is known did.
        """
        if not signed.signature:
            raise SnapshotRefused("it is not signed")
        public, raw, hash_name = _opened(signed.signature)
        known = tuple(line for line in self.lines if line.public == public)
        if not known:
            raise SnapshotRefused("it is signed with a key that is not among the allowed signers")
        try:
            _key(public).verify(raw, signed_data(signed.message, hash_name))
        except (InvalidSignature, ValueError) as error:
            raise SnapshotRefused("its signature is not the one of its content") from error
        return known


@lru_cache(maxsize=64)  # one key may sign for a whole fleet
def _key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public[-_LENGTH:])


def read(path: str) -> Signers:
    """The allowed signers of a file.

    Raises UsageError, naming the line, where it is no such file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: {reason}; name a file of allowed signers with --allowed-signers") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    return Signers(tuple(_line(path, number, line) for number, line in lines if line and not line.startswith("#")))


def _is(names: Iterable[str], pattern: str) -> bool:
    """Whether one of them is meant; of a pattern only `*` and `?` have a meaning, as for ssh."""
    literal = pattern.replace("[", "[[]")
    return any(fnmatchcase(name, literal) for name in names)


def _line(path: str, number: int, line: str) -> Signer:
    try:
        return _signer(_FIELD.findall(line))
    except (ValueError, IndexError, binascii.Error) as error:
        fix = f"write: PRINCIPAL {KIND.decode()} KEY, as `reconciler snapshot --public-key` prints it"
        raise UsageError(f"{path}:{number}:1: no allowed signer ({error}); {fix}") from error


def _signer(fields: list[str]) -> Signer:
    at = fields.index(KIND.decode(), 1, 3)
    public = base64.b64decode(fields[at + 1], validate=True)
    if public[:-_LENGTH] != string(KIND) + struct.pack(">I", _LENGTH):
        raise ValueError("this is no Ed25519 key")
    options = dict(_options(fields[1])) if at == 2 else {}
    return Signer(
        principals=tuple(fields[0].strip('"').split(",")),
        public=public,
        after=_moment(options.get("valid-after")),
        before=_moment(options.get("valid-before")),
        namespaces=tuple(options.get("namespaces", "*").split(",")),
    )


def _options(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _OPTION.match(text, at)
        if not found or found[1] not in ("namespaces", "valid-after", "valid-before"):
            raise ValueError(f"the option {text[at:]!r} is not known here")
        yield found[1], found[2] or ""
        at = found.end()


def _moment(text: str | None) -> datetime | None:
    """YYYYMMDD, or with HHMM or HHMMSS behind it; ssh-keygen takes a bare one for local time, we for UTC."""
    if not text:
        return None
    digits = text.removesuffix("Z")
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits), "")
    return datetime.strptime(digits, form).replace(tzinfo=UTC)


def _opened(signature: bytes) -> tuple[bytes, bytes, bytes]:
    """An armoured signature as key, signature and the name of its hash.

    Raises SnapshotRefused where it is none for our purpose.
    """
    try:
        blob = base64.b64decode(signature.removeprefix(BEGIN).removesuffix(END).replace(b"\n", b""), validate=True)
        version, public, namespace, reserved, hash_name, inner = (blob[:10], *_strings(blob[10:]))
        kind, raw = _strings(inner)
    except (ValueError, struct.error) as error:
        raise SnapshotRefused("its signature cannot be read") from error
    ours = (version, namespace, reserved, kind) == (MAGIC + struct.pack(">I", 1), NAMESPACE.encode(), b"", KIND)
    if not ours or hash_name not in _HASHES:
        raise SnapshotRefused("its signature is made for something else")
    return public, raw, hash_name


def _strings(blob: bytes) -> tuple[bytes, ...]:
    found = []
    while blob:
        (length,) = struct.unpack_from(">I", blob)
        if length > len(blob) - 4:
            raise ValueError("a string is longer than what holds it")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return tuple(found)
