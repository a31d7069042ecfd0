"""The Ed25519 key with which a host signs its snapshots: made once, 0600, in the state directory; it never leaves it.

In OpenSSH's formats, so that `ssh-keygen -Y verify` can check what this program does.

Source: PROTOCOL.sshsig and PROTOCOL.key of OpenSSH.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
import textwrap
from dataclasses import field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from reconciler.errors import HostUnreadable
from reconciler.frozen import dataclass
from reconciler.model.wire import BEGIN, END, NAMESPACE
from reconciler.publish.sshsig import HASH, KIND, MAGIC, signed_data, string

FILE = "snapshot-key"
_LINE = 70
_MARKS = b"postfix-tls-reconciler marks"


@dataclass(frozen=True, slots=True)
class Key:
    """One host's key."""

    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        """The public half, as SSH writes it."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return string(KIND) + string(raw)

    def line(self, principal: str) -> str:
        """The line for the reviewers' file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS)."""
        return f'{principal} namespaces="{NAMESPACE}" {KIND.decode()} {base64.b64encode(self.public).decode()}'

    @property
    def secret(self) -> bytes:
        """What the marks of redacted values are made with."""
        raw = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return hmac.new(raw, _MARKS, hashlib.sha256).digest()

    def sign(self, message: bytes) -> bytes:
        """The armoured signature, as `ssh-keygen -Y sign -n NAMESPACE` makes it."""
        signature = string(KIND) + string(self.private.sign(signed_data(message)))
        blob = (
            MAGIC
            + struct.pack(">I", 1)
            + string(self.public)
            + string(NAMESPACE.encode())
            + string(b"")
            + string(HASH)
            + string(signature)
        )
        lines = textwrap.wrap(base64.b64encode(blob).decode(), _LINE)
        return BEGIN + "".join(f"{line}\n" for line in lines).encode() + END


def of(directory: Path) -> Key:
    """The key in an instance's state directory; made where there is none.

    Raises HostUnreadable where it cannot be read, or is none.
    """
    path = directory / FILE
    try:
        if not path.exists():
            _make(path)
    except OSError as error:
        hint = "run as root, or name another --state-dir"
        raise HostUnreadable(f"{path}: {os.strerror(error.errno or 0)}; {hint}") from error
    return read(path)


def read(path: Path) -> Key:
    """The key in a file.

    Raises HostUnreadable where it cannot be read, or is none.
    """
    try:
        private = load_ssh_private_key(path.read_bytes(), None)
    except OSError as error:
        hint = "run as root, or name another --state-dir"
        raise HostUnreadable(f"{path}: {os.strerror(error.errno or 0)}; {hint}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise HostUnreadable(f"{path}: no private key in OpenSSH's format; remove it to have a new one made") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise HostUnreadable(f"{path}: no Ed25519 key; remove it to have one made")
    return Key(private)


def _make(path: Path) -> None:
    """Written aside and linked into place: two that make it at once end with one key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(staged)
        except FileExistsError:
            return
    finally:
        staged.unlink(missing_ok=True)
