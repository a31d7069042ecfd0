"""What a signature of SSH is over, and how its parts are written.

Source: PROTOCOL.sshsig of OpenSSH.
"""

from __future__ import annotations

import hashlib
import struct

from reconciler.model.wire import NAMESPACE

KIND = b"ssh-ed25519"
MAGIC = b"SSHSIG"
HASH = b"sha512"


def signed_data(message: bytes, hash_name: bytes = HASH) -> bytes:
    """What is really signed: the digest of the message, bound to what it is a message for."""
    digest = hashlib.new(hash_name.decode(), message).digest()
    return MAGIC + string(NAMESPACE.encode()) + string(b"") + string(hash_name) + string(digest)


def string(content: bytes) -> bytes:
    """A string of SSH: its length, then its bytes."""
    return struct.pack(">I", len(content)) + content
