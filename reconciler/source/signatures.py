"""Who signed: asked of ssh-keygen and gpg, with nothing but the keys that this host names.

git itself is not asked: it would take the time of a commit from the commit, and so the word of an expired key for when
it was used. Here a key has to be good now.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.errors import CommandFailed, Untrusted
from reconciler.frozen import dataclass
from reconciler.host.command import Output, Running
from reconciler.source.policy import Policy, Signer
from reconciler.source.signed import Malformed, SignedObject, ssh_fingerprint, ssh_key

_AT_ONCE = 4
_NAMESPACE = "git"  # what git signs for
_EMAIL = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_BAD = {
    "EXPKEYSIG": "the key has expired",
    "EXPSIG": "the signature has expired",
    "REVKEYSIG": "the key was revoked",
    "BADSIG": "the signature is not of this content",
    "NO_PUBKEY": "nobody whom this host knows has signed it",
    "ERRSIG": "nobody whom this host knows has signed it",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One signature on its way through a program."""

    name: str
    signer: Signer | None  # None: the program will say
    running: Running


@dataclass
class Verifier(AbstractContextManager["Verifier"]):
    """Checks signatures against the keys of one policy; remembers whose key is whose while it is open."""

    policy: Policy
    _signers: dict[bytes, Signer] = field(default_factory=dict)
    _count: int = 0

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="reconciler-signatures-")  # 0700: gpg's home, too
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._directory.cleanup()

    def verify(self, objects: Iterable[tuple[str, SignedObject]]) -> Iterator[tuple[str, Signer]]:
        """The signer of each named object, in their order, a few programs at a time.

        Raises Untrusted for the first that nobody allowed has signed, CommandFailed where a program is missing.
        """
        waiting = iter(objects)
        while batch := list(islice(waiting, _AT_ONCE)):
            asked: list[_Asked] = []
            try:
                for name, signed in batch:
                    asked.append(self._ask(name, signed))
                for one in asked:
                    yield one.name, self._answered(one)
            finally:
                for one in asked:
                    one.running.close()

    def _ask(self, name: str, signed: SignedObject) -> _Asked:
        if not signed.signature:
            raise Untrusted(name, "it is not signed")
        match signed.kind:
            case "ssh" if self.policy.allowed_signers:
                return self._ask_ssh(name, signed)
            case "pgp" if self.policy.gpg_keyring:
                return self._ask_gpg(name, signed)
            case "ssh" | "pgp" as kind:
                keys = "SSH" if kind == "ssh" else "OpenPGP"
                raise Untrusted(name, f"it is signed with an {keys} key, and this host allows none")
            case _:
                raise Untrusted(name, "its signature is neither of SSH nor of OpenPGP")

    def _ask_ssh(self, name: str, signed: SignedObject) -> _Asked:
        try:
            key = ssh_key(signed.signature)
        except Malformed as error:
            raise Untrusted(name, str(error)) from error
        path = self._write(signed.signature)
        if key not in self._signers:
            self._signers[key] = self._owner(name, path, key)
        signer = self._signers[key]
        revoked = ("-r", self.policy.revoked_keys) if self.policy.revoked_keys else ()
        argv = ("ssh-keygen", "-Y", "verify", "-n", _NAMESPACE, "-f", self.policy.allowed_signers, "-I", signer.name)
        return _Asked(name, signer, self._start(*argv, "-s", path, *revoked, stdin=signed.payload))

    def _owner(self, name: str, path: str, key: bytes) -> Signer:
        """Whose key it is today. An error tells apart whom nobody knows from whose time is over."""
        found = self._start(
            "ssh-keygen", "-Y", "find-principals", "-f", self.policy.allowed_signers, "-s", path
        ).finish()
        fingerprint = ssh_fingerprint(key)
        if principal := _principal(found):
            return self._named(principal, fingerprint)
        if self._is_listed(key):
            raise Untrusted(name, f"the key {fingerprint} that signed it has expired, or is not valid yet")
        raise Untrusted(name, f"nobody whom this host knows has signed it (key {fingerprint})")

    def _is_listed(self, key: bytes) -> bool:
        return base64.b64encode(key) in Path(self.policy.allowed_signers).read_bytes()

    def _ask_gpg(self, name: str, signed: SignedObject) -> _Asked:
        path = self._write(signed.signature)
        argv = (
            "gpg", "--no-options", "--batch", "--no-tty", "--homedir", self._directory.name, "--no-default-keyring",
            "--keyring", self.policy.gpg_keyring, "--trust-model", "always", "--no-auto-key-retrieve",
            "--no-auto-key-locate", "--no-auto-check-trustdb", "--disable-dirmngr", "--no-autostart",
            "--status-fd", "1", "--verify", path, "-",
        )  # fmt: skip
        return _Asked(name, None, self._start(*argv, stdin=signed.payload))

    def _answered(self, asked: _Asked) -> Signer:
        try:
            done = asked.running.finish()
        except CommandFailed as failed:
            raise Untrusted(asked.name, str(failed)) from failed
        if asked.signer is None:
            return self._told_by_gpg(asked.name, done)
        if done.status != 0:
            raise Untrusted(asked.name, f"{asked.signer.name}: {self._told_by_ssh(done)}")
        return asked.signer

    def _told_by_ssh(self, done: Output) -> str:
        """ssh-keygen gives a reason for all but a revoked key."""
        if b"incorrect signature" in done.stderr:
            return "the signature is not of this content"
        if b"namespace" in done.stderr:
            return "the key may not sign commits (namespaces)"
        if self.policy.revoked_keys:
            return "the key was revoked, or the list of revoked keys cannot be read"
        return done.complaint

    def _told_by_gpg(self, name: str, done: Output) -> Signer:
        """Exactly one good signature of one valid key; one word of doubt is enough."""
        lines = [line.split(" ") for line in done.stdout.decode("utf-8", "replace").split("\n")]
        said = {words[1]: words[2:] for words in lines if words[0] == "[GNUPG:]" and len(words) > 1}
        for word, why in _BAD.items():
            if word in said:
                raise Untrusted(name, why)
        signatures = [words for words in lines if words[:2] == ["[GNUPG:]", "NEWSIG"]]
        if done.status != 0 or len(signatures) != 1 or "GOODSIG" not in said or "VALIDSIG" not in said:
            raise Untrusted(name, "gpg could not say who signed it")
        email = _EMAIL.search(" ".join(said["GOODSIG"]))
        fingerprint = said["VALIDSIG"][-1]
        return self._named(email[1] if email else fingerprint, fingerprint)

    def _named(self, name: str, key: str) -> Signer:
        return Signer(name, key, forge=bool({name, key} & self.policy.forge_signers))

    def _write(self, signature: bytes) -> str:
        self._count += 1
        path = Path(self._directory.name, f"{self._count}.sig")
        path.write_bytes(signature)
        return str(path)

    def _start(self, *argv: str, stdin: bytes = b"") -> Running:
        return Running(argv, self.policy.timeout, stdin=stdin)


def _principal(found: Output) -> str:
    """The first name that the first matching line gives to the key."""
    if found.status != 0:
        return ""
    return found.stdout.decode("utf-8", "replace").split("\n")[0].split(",")[0].strip()
