"""Certificates and keys on disk: facts about them, never their bytes; and self-signed ones to begin with.

cryptography costs more than the rest of a plan: it is imported where a file has to be parsed or made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reconciler.errors import HostUnreadable
from reconciler.host import files
from reconciler.model.snapshot import FileState, PemFile

_NOBODY_READS = 0o600


def read_pem(path: str) -> PemFile | None:
    """What a PEM file holds; None where there is no file. What cannot be read or used is told in `problem`.

    Paths with blanks between are several files read as one.
    """
    try:
        state = files.read_joined(path.split(" "))
    except HostUnreadable as error:
        return PemFile("", (), None, (), _NOBODY_READS, 0, str(error).removeprefix(f"{path}: "))
    return facts(state) if state else None


def facts(state: FileState) -> PemFile:
    """What a file that was read holds, as a chain file: key first, then its certificate, then the issuers'."""
    from reconciler.host import pem  # noqa: PLC0415 - see above

    return pem.facts(state)


def weakness(content: bytes) -> str:
    """Why clients of today refuse the first certificate of a file that can be read; empty where they do not."""
    from reconciler.host import pem  # noqa: PLC0415

    return pem.weakness(content)


def misuse(content: bytes) -> str:
    """Why a client would not take the first certificate of a file for a server's; empty where it would.

    Source: RFC 5280, 4.2.1.3 and 4.2.1.12; what OpenSSL asks of a server (X509_PURPOSE_SSL_SERVER).
    """
    from reconciler.host import pem  # noqa: PLC0415

    return pem.misuse(content)


def make_self_signed(names: Iterable[str], lifetime: timedelta, now: datetime) -> tuple[bytes, bytes]:
    """A fresh EC key (P-256) and a certificate signed with it, both PEM, valid from an hour before `now`.

    It is a server's certificate and no authority (CA:FALSE): who trusts it trusts nothing else with it. `names` are
    host names and addresses; the first is its common name where that has room for it.

    Raises ValueError where there are no names, or one is no name.
    """
    from reconciler.host import pem  # noqa: PLC0415

    return pem.make_self_signed(names, lifetime, now)
