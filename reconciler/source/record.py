"""What this host remembers of a source: the last trusted commit, durably; and the last good state, whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from reconciler.errors import HostUnreadable, SourceUnreadable
from reconciler.frozen import dataclass
from reconciler.model.snapshot import RepoSnapshot
from reconciler.source.alone import alone
from reconciler.source.policy import Signer

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Trusted:
    """A commit that was verified here. `anchor` is the one that was in force then; `moved_at` is this host's time."""

    revision: str
    anchor: str
    signers: tuple[Signer, ...]
    committed_at: datetime
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """trust.json: source → the last trusted commit. 0600, replaced whole, durable before it is believed."""

    path: Path

    def read(self, key: str) -> Trusted | None:
        """None where nothing was ever trusted under this key.

        Raises HostUnreadable where the record is damaged: it is never taken for an empty one.
        """
        entry = self._entries().get(key)
        try:
            return None if entry is None else _trusted(entry)
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def write(self, key: str, trusted: Trusted) -> None:
        """Remember it; nothing is written where the same stands there already."""
        with alone(self.path.with_name(f".{self.path.name}.lock")):  # other sources of this host stand in it too
            entries = dict(self._entries())
            if entries.get(key) == (entry := _entry(trusted)):
                return
            entries[key] = entry
            put(self.path, (json.dumps({"version": _VERSION, "sources": entries}, indent=2) + "\n").encode())

    def _entries(self) -> Mapping[str, dict[str, object]]:
        try:
            body = json.loads(self.path.read_bytes())
            sources: dict[str, dict[str, object]] = {_VERSION: body["sources"]}[body["version"]]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise HostUnreadable(f"{self.path}: {error.strerror}; run as root, or name another --state-dir") from error
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        if not isinstance(sources, dict):
            raise self._damaged(TypeError("sources are no table"))
        return sources

    def _damaged(self, error: Exception) -> HostUnreadable:
        hint = "restore it from a backup, or remove it and set trust.anchor to a commit you have checked"
        return HostUnreadable(f"{self.path}: not a record of trust ({error}); {hint}")


@dataclass(frozen=True, slots=True)
class Kept:
    """The last good state in one file: it is there when the remote is away and the clone is broken."""

    path: Path

    def read(self) -> tuple[Trusted, RepoSnapshot] | None:
        """None where there is none, or it is not whole: it is a copy, and the record of trust decides."""
        try:
            head, newline, body = self.path.read_bytes().partition(b"\n")
            told = json.loads(head)
            if not newline or hashlib.sha256(body).hexdigest() != told["sha256"]:
                return None
            files, at = {}, 0
            for path, size in told["files"]:
                files[path] = body[at : at + size]
                at += size
            return _trusted(told["trusted"]), RepoSnapshot(files, told["trusted"]["revision"], told["origin"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, trusted: Trusted, snapshot: RepoSnapshot) -> None:
        """Replace it, durably."""
        body = b"".join(snapshot.files.values())
        head = {
            "trusted": _entry(trusted),
            "origin": snapshot.origin,
            "files": [(path, len(content)) for path, content in snapshot.files.items()],
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        put(self.path, json.dumps(head).encode() + b"\n" + body)


def put(path: Path, content: bytes) -> None:
    """Replace a file of ours, 0600 in a directory 0700, durable before it is visible.

    Raises SourceUnreadable: what could not be remembered was not trusted.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = path.with_name(f".{path.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(staged, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise SourceUnreadable(f"{path}: cannot be written ({error.strerror}), so nothing new is trusted") from error


def _entry(trusted: Trusted) -> dict[str, object]:
    return {
        "revision": trusted.revision,
        "anchor": trusted.anchor,
        "signers": [asdict(signer) for signer in trusted.signers],
        "committed_at": trusted.committed_at.isoformat(),
        "moved_at": trusted.moved_at.isoformat(),
    }


def _trusted(entry: Mapping[str, object]) -> Trusted:
    signers = entry["signers"]
    if not isinstance(signers, list):
        raise TypeError("signers are no list")
    return Trusted(
        str(entry["revision"]),
        str(entry["anchor"]),
        tuple(Signer(**signer) for signer in signers),
        datetime.fromisoformat(str(entry["committed_at"])),
        datetime.fromisoformat(str(entry["moved_at"])),
    )
