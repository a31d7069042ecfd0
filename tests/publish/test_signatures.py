"""Keys, signatures and who may sign what, against ssh-keygen where it has an opinion."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.errors import HostUnreadable, SnapshotRefused, UsageError
from reconciler.model import wire
from reconciler.publish import key, signers
from reconciler.publish.open import believed

NAME = "mx1.example.org"


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    one, again = key.of(tmp_path / "state"), key.of(tmp_path / "state")
    assert one.public == again.public
    assert one.secret == again.secret
    assert stat.S_IMODE((tmp_path / "state" / key.FILE).stat().st_mode) == 0o600
    assert [it.name for it in (tmp_path / "state").iterdir()] == [key.FILE]


def test_a_file_that_is_no_key_is_said_to_be_none(tmp_path):
    (tmp_path / key.FILE).write_text("x")
    with pytest.raises(HostUnreadable, match="no private key"):
        key.of(tmp_path)


def test_the_key_does_not_show_in_what_python_prints(own):
    assert "Ed25519" not in repr(own)


def test_ssh_keygen_verifies_what_we_sign(tmp_path, own, seen, allowed):
    message = wire.to_json(seen)
    (tmp_path / "signature").write_bytes(own.sign(message))
    path = allowed(own.line(NAME))
    for content, expected in ((message, 0), (message + b" ", 255)):
        done = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-f", path, "-I", NAME, "-n", wire.NAMESPACE, "-s", tmp_path / "signature"],
            input=content, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr


def test_we_verify_what_ssh_keygen_signs_with_our_key(tmp_path, own, seen, allowed):
    (tmp_path / "message").write_bytes(wire.to_json(seen))
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", tmp_path / "state" / key.FILE, "-n", wire.NAMESPACE, tmp_path / "message"],
        capture_output=True, check=True,
    )  # fmt: skip
    content = (tmp_path / "message.sig").read_bytes() + (tmp_path / "message").read_bytes()
    assert believed(content, NAME, signers.read(allowed(own.line(NAME)))).seen == seen


def signed(own, seen) -> bytes:
    message = wire.to_json(seen)
    return wire.wrap(message, own.sign(message))


@pytest.mark.parametrize("pattern", [NAME, "*.example.org", "mx9.example.org,mx1.example.org", "*,!mx2.example.org"])
def test_a_snapshot_signed_by_who_may_is_believed(own, seen, allowed, pattern):
    found = believed(signed(own, seen), NAME, signers.read(allowed(own.line(pattern))))
    assert (found.seen, found.signer) == (seen, pattern)


def test_the_instance_or_the_host_may_be_named(own, seen, allowed):
    seen = replace(seen, instance="out")
    for principal in (NAME, f"{NAME}@out"):
        assert (
            believed(signed(own, seen), f"{NAME}@out", signers.read(allowed(own.line(principal)))).signer == principal
        )


def test_without_signers_nobody_is_asked(own, seen):
    assert believed(wire.to_json(seen), NAME, None).signer == ""
    assert believed(signed(own, seen), NAME, None).signer == ""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("mx2.example.org", "may not sign for this host"),
        ("*,!mx1.example.org", "may not sign for this host"),
        ('mx1.example.org namespaces="git"', "may not sign for this host"),
        ('mx1.example.org valid-before="20261101"', "may not sign for this host"),
        ('mx1.example.org valid-after="20261123130000Z"', "may not sign for this host"),
    ],
)
def test_who_may_not_sign_for_this_host_is_refused(own, seen, allowed, line, why):
    text = f"{line} {own.line('').split(' ', 2)[2]}"
    with pytest.raises(SnapshotRefused, match=why):
        believed(signed(own, seen), NAME, signers.read(allowed(text)))


@pytest.mark.parametrize("line", ["mx1.example.org,!mx1.example.org@out", "*,!mx1.example.org", "mx[0-9].example.org"])
def test_who_may_not_sign_for_an_instance_is_refused_though_the_host_is_named(own, seen, allowed, line):
    seen = replace(seen, instance="out")
    with pytest.raises(SnapshotRefused, match="may not sign for this host"):
        believed(signed(own, seen), f"{NAME}@out", signers.read(allowed(own.line(line))))


def test_an_unknown_key_a_changed_content_and_no_signature_are_refused(tmp_path, own, seen, allowed):
    known = signers.read(allowed(own.line(NAME)))
    stranger = key.of(tmp_path / "other")
    for content, why in (
        (signed(stranger, seen), "not among the allowed"),
        (signed(own, seen).replace(b"3.7.11", b"3.7.12"), "not the one of its content"),
        (wire.to_json(seen), "not signed"),
        (own.sign(b"x").replace(b"U1NIU0lH", b"AAAAAAAA") + wire.to_json(seen), "something else|cannot be read"),
        (wire.BEGIN + b"!!!\n" + wire.END + wire.to_json(seen), "cannot be read"),
    ):
        with pytest.raises(SnapshotRefused, match=why):
            believed(content, NAME, known)


def test_a_snapshot_of_another_host_is_refused_whoever_signed_it(own, seen, allowed):
    with pytest.raises(SnapshotRefused, match=r"it is of 'mx1.example.org'"):
        believed(signed(own, seen), "mx2.example.org", signers.read(allowed(own.line("*"))))


@pytest.mark.parametrize(
    "line",
    [
        "mx1.example.org",
        "mx1.example.org ssh-ed25519",
        "mx1.example.org ssh-ed25519 AAAA",
        "mx1.example.org cert-authority ssh-ed25519 AAAA",
        "mx1.example.org ssh-rsa AAAAB3NzaC1yc2E=",
        'mx1.example.org valid-before="never" KEY',
    ],
)
def test_a_line_that_is_none_is_said_with_its_number(own, allowed, line):
    line = line.replace("KEY", own.line("").split(" ", 2)[2])
    with pytest.raises(UsageError, match=r"allowed:3:1: "):
        signers.read(allowed(line))


def test_moments_are_utc():
    assert signers._moment("202611231200") == datetime(2026, 11, 23, 12, tzinfo=UTC)
