"""Whose commits are taken: what the host says, as plain values."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from reconciler.frozen import dataclass


class Signed(Enum):
    """What has to be signed."""

    EVERY_COMMIT = "required"
    MERGES = "merge_commits"  # what stands on the branch itself, not what was merged into it
    TAG = "tag"
    NOTHING = "off"


class Sensitive(Enum):
    """What one signer alone may not change."""

    WAIVERS = "waivers"
    FLEET = "fleet.yaml"


@dataclass(frozen=True, slots=True)
class Policy:
    """The trust of this host. Paths are absolute, or empty; `anchor` is a commit known to be good, or empty.

    `forge_signers` are names or key fingerprints of signers that are forges: they sign for whoever may merge.
    """

    signed: Signed
    allowed_signers: str = ""
    revoked_keys: str = ""
    gpg_keyring: str = ""
    forge_signers: frozenset[str] = frozenset()
    second_signer: frozenset[Sensitive] = frozenset()
    anchor: str = ""
    timeout: timedelta = timedelta(seconds=30)  # of one check of one signature


@dataclass(frozen=True, slots=True, order=True)
class Signer:
    """Who signed: the name this host gives to the key, and the key's fingerprint."""

    name: str
    key: str
    forge: bool = False

    def __str__(self) -> str:
        return f"{self.name}{' (the key of a forge)' if self.forge else ''}"
