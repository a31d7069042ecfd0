"""[trust]: whose commits are taken. It is rooted here, on the host; the repository has no say in it."""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from reconciler.settings.base import Section
from reconciler.settings.fields import OptionalPath, Text, refused


class Signatures(StrEnum):
    """What has to be signed."""

    REQUIRED = "required"
    MERGE_COMMITS = "merge_commits"
    TAG = "tag"
    OFF = "off"


class SecondSigner(StrEnum):
    """What one signer alone may not change."""

    WAIVERS = "waivers"
    FLEET = "fleet.yaml"


class Trust(Section):
    """Whose commits are taken, and what has to be signed."""

    signatures: Signatures | None = Field(
        None,
        description="required: every commit. merge_commits: every commit on the branch itself, not those merged "
        "into it. tag: the tag that is followed. off: nothing; it has to be said.",
    )
    allowed_signers: OptionalPath = Field(
        "", description="The SSH keys that may sign, in the form of ALLOWED SIGNERS of ssh-keygen(1)."
    )
    revoked_keys: OptionalPath = Field("", description="SSH keys that no longer may: a KRL, or public keys one a line.")
    gpg_keyring: OptionalPath = Field(
        "", description="The OpenPGP keys that may sign: what `gpg --export` wrote. Nothing else of GnuPG is asked."
    )
    forge_signers: tuple[Text, ...] = Field(
        (),
        description="Which of the signers is the key of a forge: the principal, or the OpenPGP fingerprint. "
        "It signs for whoever may merge, so it never counts as a second signer.",
    )
    second_signer: tuple[SecondSigner, ...] = Field(
        (), description="What a second person has to sign as well: waivers, fleet.yaml, or both."
    )
    anchor: Text = Field(
        "",
        description="A commit that is known to be good, in full. Where this host has no record of a trusted commit, "
        "only what follows it is taken; a new anchor replaces the record, as after a rewritten history.",
    )

    @field_validator("anchor")
    @classmethod
    def _is_a_commit(cls, given: str) -> str:
        if given and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", given):
            raise refused(f"{given!r} is no commit", "write all 40 digits, as `git rev-parse HEAD` prints them")
        return given

    @model_validator(mode="after")
    def _has_signers(self) -> Trust:
        if self.signatures in (None, Signatures.OFF):
            if self.second_signer:
                raise refused("a second signer where no signature is asked for", 'write signatures = "required"')
        elif not (self.allowed_signers or self.gpg_keyring):
            raise refused("signatures are asked for, and nobody may sign", "name allowed_signers or gpg_keyring")
        return self
