"""Guarantee 16: unsigned, unknown, expired, revoked signers are refused, in every commit from the last trusted one."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import Untrusted
from reconciler.source.policy import Signed


def refused(host) -> str:
    before = host.source.last_good()
    with pytest.raises(Untrusted) as error:
        host.follow()
    assert host.source.last_good() == before
    return re.sub(r"SHA256:[\w+/]+", "KEY", error.value.why)


def test_16_what_an_allowed_signer_signed_is_taken_and_named(forge, host) -> None:
    revision = forge.commit(signer="alice")
    fetched = host.follow()
    assert (fetched.revision, fetched.moved, [it.name for it in fetched.signers]) == (
        revision,
        True,
        ["alice@example.org"],
    )
    again = host.follow()
    assert (again.moved, again.signers, again.snapshot.files) == (False, fetched.signers, fetched.snapshot.files)


def test_16_an_unsigned_commit_is_refused(forge, host) -> None:
    host.follow()
    forge.commit()
    assert refused(host) == "it is not signed"


def test_16_an_unsigned_commit_is_refused_below_signed_ones(forge, host) -> None:
    host.follow()
    hidden = forge.commit()
    forge.commit(signer="alice")
    forge.commit(signer="bob")
    with pytest.raises(Untrusted) as error:
        host.follow()
    assert error.value.commit == hidden


def test_16_an_unsigned_commit_is_refused_on_a_branch_that_was_merged(forge, host) -> None:
    host.follow()
    forge.git("checkout", "-qb", "side")
    hidden = forge.commit(push=False)
    forge.git("checkout", "-q", "main")
    forge.merge("side", signer="alice")
    with pytest.raises(Untrusted) as error:
        host.follow()
    assert error.value.commit == hidden


def test_16_an_unknown_signer_is_refused(forge, host) -> None:
    host.follow()
    forge.commit(signer="eve")
    assert refused(host) == "nobody whom this host knows has signed it (key KEY)"


def test_16_a_key_for_another_purpose_is_refused(forge, host, keys) -> None:
    host.follow()
    host.allows(f'alice@example.org namespaces="file" {keys.public("alice")}')
    forge.commit(signer="alice")
    assert refused(host) == "alice@example.org: the key may not sign commits (namespaces)"


@pytest.mark.parametrize("date", ["", "2020-06-01T00:00:00Z"], ids=["signed now", "dated back"])
def test_16_an_expired_signer_is_refused_whatever_date_the_commit_claims(forge, host, keys, date: str) -> None:
    host.follow()
    host.allows(f'alice@example.org valid-before="20210101" {keys.public("alice")}')
    forge.commit(signer="alice", date=date)
    assert refused(host) == "the key KEY that signed it has expired, or is not valid yet"


@pytest.mark.parametrize("form", ["krl", "keys"])
def test_16_a_revoked_signer_is_refused(forge, host, keys, tmp_path: Path, form: str) -> None:
    host.follow()
    revoked = tmp_path / "revoked"
    if form == "keys":
        revoked.write_text(keys.public("alice") + "\n")
    else:
        public = str(keys.ssh("alice").with_suffix(".pub"))
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(revoked), public], check=True)
    host.believes(revoked_keys=str(revoked))
    forge.commit(signer="alice")
    assert refused(host) == "alice@example.org: the key was revoked, or the list of revoked keys cannot be read"


def test_16_a_signature_of_other_content_is_refused(forge, host) -> None:
    host.follow()
    forge.commit(signer="alice", push=False)
    raw = forge.git("cat-file", "commit", "HEAD")
    forged = forge.work / ".git/forged"
    forged.write_text(raw.replace("\n\nx", "\n\ny") + "\n")
    forge.git("reset", "-q", "--hard", forge.git("hash-object", "-t", "commit", "-w", str(forged)))
    forge.push()
    assert refused(host) == "alice@example.org: the signature is not of this content"


def test_16_a_commit_with_two_signatures_is_refused(forge, host) -> None:
    host.follow()
    forge.commit(signer="alice", push=False)
    raw = forge.git("cat-file", "commit", "HEAD")
    forged = forge.work / ".git/forged"
    forged.write_text(raw.replace("gpgsig ", "gpgsig x\ngpgsig ", 1) + "\n")
    forge.git("reset", "-q", "--hard", forge.git("hash-object", "-t", "commit", "--literally", "-w", str(forged)))
    forge.push()
    assert refused(host) == "more than one signature"


def test_merge_commits_alone_may_be_asked_to_be_signed(forge, host) -> None:
    host.believes(signed=Signed.MERGES)
    host.follow()
    forge.git("checkout", "-qb", "side")
    forge.commit(push=False)
    forge.git("checkout", "-q", "main")
    merged = forge.merge("side", signer="bob")
    fetched = host.follow()
    assert (fetched.revision, [it.name for it in fetched.signers]) == (merged, ["bob@example.org"])
    forge.commit()
    assert refused(host) == "it is not signed"


def test_the_key_of_a_forge_is_a_signer_and_named_as_one(forge, host, keys) -> None:
    host.allows(f"git.example.org {keys.public('forge')}")
    host.believes(signed=Signed.MERGES, forge_signers=frozenset({"git.example.org"}))
    forge.commit(signer="forge")
    assert [str(it) for it in host.follow().signers] == ["git.example.org (the key of a forge)"]


def test_unsigned_commits_are_taken_only_where_that_was_said(forge, host) -> None:
    host.believes(signed=Signed.NOTHING, anchor="")
    revision = forge.commit()
    assert (host.follow().revision, host.follow().signers) == (revision, ())


def test_a_signed_tag_vouches_for_what_it_names(forge, host) -> None:
    host.remote = replace(host.remote, branch="", tag="production")
    host.believes(signed=Signed.TAG)
    revision = forge.commit()
    forge.git("tag", "-s", "-m", "x", "production", signer="alice")
    forge.push("refs/tags/production")
    fetched = host.follow()
    assert (fetched.revision, [it.name for it in fetched.signers]) == (revision, ["alice@example.org"])
    forge.commit()
    for options, why in (
        (["-f", "production"], "the tag production is no signed one, only a name for it"),
        (["-f", "-a", "-m", "x", "production"], "it is not signed"),
    ):
        forge.git("tag", *options)
        forge.push("refs/tags/production")
        assert refused(host) == why
    forge.git("tag", "-f", "-s", "-m", "x", "production", signer="eve")
    forge.push("refs/tags/production")
    assert refused(host) == "nobody whom this host knows has signed it (key KEY)"
    forge.git("tag", "-s", "-m", "x", "testing", signer="alice")
    forge.git("update-ref", "refs/tags/production", "refs/tags/testing")
    forge.push("refs/tags/production")
    assert refused(host) == "the tag was made under another name"


@pytest.fixture
def gina(keys) -> str:
    """A person with an OpenPGP key."""
    if "gina@example.org" not in keys.gpg("--list-keys", "--with-colons"):
        for name in ("gina", "mallory"):
            keys.gpg("--quiet", "--quick-gen-key", f"{name} <{name}@example.org>", "ed25519", "sign", "never")
    return "gina@example.org"


def test_16_openpgp_keys_of_the_keyring_may_sign_and_no_others(forge, host, keys, gina: str) -> None:
    host.believes(gpg_keyring=str(keys.export(gina)))
    host.follow()
    revision = forge.commit(signer=gina, gpg=True)
    fetched = host.follow()
    assert (fetched.revision, [it.name for it in fetched.signers]) == (revision, [gina])
    forge.commit(signer="mallory@example.org", gpg=True)
    assert refused(host) == "nobody whom this host knows has signed it"


def test_16_an_openpgp_key_is_refused_where_no_keyring_is_named(forge, host, gina: str) -> None:
    host.follow()
    forge.commit(signer=gina, gpg=True)
    assert refused(host) == "it is signed with an OpenPGP key, and this host allows none"


def test_16_expired_and_revoked_openpgp_keys_are_refused(forge, host, keys, tmp_path: Path) -> None:
    keys.gpg("--quiet", "--quick-gen-key", "short <short@example.org>", "ed25519", "sign", "never")
    fingerprint = next(
        line.split(":")[9]
        for line in keys.gpg("--with-colons", "--list-keys", "short@example.org").split("\n")
        if line.startswith("fpr")
    )
    host.follow()
    host.believes(gpg_keyring=str(keys.export("short@example.org")))
    forge.commit(signer="short@example.org", gpg=True)
    keys.gpg("--quick-set-expire", fingerprint, "seconds=1")
    while not any(
        line.startswith("pub:e") for line in keys.gpg("--with-colons", "--list-keys", fingerprint).split("\n")
    ):
        time.sleep(0.1)
    host.believes(gpg_keyring=str(keys.export("short@example.org")))
    assert refused(host) == "the key has expired"
    certificate = keys.gnupg / f"openpgp-revocs.d/{fingerprint}.rev"
    revocation = tmp_path / "revocation"
    revocation.write_text(certificate.read_text().replace(":-----BEGIN", "-----BEGIN"))
    keys.gpg("--quick-set-expire", fingerprint, "never")
    keys.gpg("--import", str(revocation))
    host.believes(gpg_keyring=str(keys.export("short@example.org")))
    assert refused(host) == "the key was revoked"
