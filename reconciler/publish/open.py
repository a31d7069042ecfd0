"""A snapshot's bytes believed or refused: first the signature, then the content, then whose it is."""

from __future__ import annotations

from reconciler.errors import SnapshotRefused
from reconciler.frozen import dataclass
from reconciler.model import wire
from reconciler.model.published import Published
from reconciler.publish.signers import Signers


@dataclass(frozen=True, slots=True)
class Believed:
    """A snapshot, and who signed it; `signer` is empty where nobody was asked to."""

    seen: Published
    signer: str


def believed(content: bytes, name: str, signers: Signers | None) -> Believed:
    """The snapshot of `name`. Nothing of it is read before its signature holds.

    Raises SnapshotRefused.
    """
    signed = wire.unwrap(content)
    lines = signers.check(signed) if signers is not None else ()
    seen = wire.from_json(signed.message)
    if seen.name != name:
        raise SnapshotRefused(f"it is of {seen.name[:255]!r}")
    if signers is None:
        return Believed(seen, "")
    line = next((it for it in lines if it.may_sign(name, seen.taken)), None)
    if line is None:
        raise SnapshotRefused("its key may not sign for this host, or not at that time")
    return Believed(seen, ",".join(line.principals))


def named(content: bytes, signers: Signers | None) -> str:
    """Whose snapshot it says it is; believed only once `believed` has been asked with that name.

    Raises SnapshotRefused.
    """
    signed = wire.unwrap(content)
    if signers is not None:
        signers.check(signed)
    return wire.from_json(signed.message).name
