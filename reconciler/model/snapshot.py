"""What was read, as bytes and facts, at one moment: from git and from the host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from reconciler.frozen import dataclass

FILES_DIGEST = b"sha256:"  # what stands, with a digest, for the content of files in a compiled table


@dataclass(frozen=True, slots=True)
class RepoSnapshot:
    """A state repository at one revision: path (with `/`, relative) to bytes.

    `revision` is a commit, or `sha256:` and a digest of the files where the state is a plain directory.
    """

    files: Mapping[str, bytes]
    revision: str
    origin: str
    digests: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # those that were worked out

    def digest(self, path: str) -> str:
        """SHA-256 of a file, worked out once: of a large one it costs more than all that is done with it."""
        if path not in self.digests:
            self.digests[path] = hashlib.sha256(self.files[path]).hexdigest()
        return self.digests[path]


@dataclass(frozen=True, slots=True)
class FileState:
    """One file of the host. `target` is where it really lies, after every symbolic link.

    `xattrs` are its extended attributes, ACLs among them.
    """

    content: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    target: str
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Whole lines of a file, from byte `start` up to `end`, and what is declared in their place."""

    start: int
    end: int
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What of a large file was looked at: the lines that are not as declared. All others are, and nobody wrote them.

    `size` (bytes) and `mark` tell that it still is the file it was taken from.
    """

    hunks: tuple[Hunk, ...]
    size: int
    mark: str

    @property
    def before(self) -> bytes:
        return b"".join(map(_line, (hunk.before for hunk in self.hunks)))

    @property
    def after(self) -> bytes:
        return b"".join(map(_line, (hunk.after for hunk in self.hunks)))


def _line(text: bytes) -> bytes:
    """Lines that can be followed by others: the last one of a file may have no end."""
    return text + b"\n" if text and not text.endswith(b"\n") else text


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate: names and digests, never the bytes."""

    sha256: str  # of the DER form, as `openssl x509 -fingerprint -sha256` without the colons, lower case
    public_key_sha256: str  # of the DER SubjectPublicKeyInfo
    subject: str
    names: tuple[str, ...]  # subjectAltName: DNS names and addresses
    not_before: datetime  # with time zone
    not_after: datetime
    self_signed: bool


@dataclass(frozen=True, slots=True)
class PemFile:
    """A PEM file with certificates, a key, or both: what it holds, in order, and who can read it.

    `order` is the kind of each block, `key` or `certificate`, as it stands in the file.
    """

    sha256: str  # of the whole file
    certificates: tuple[Certificate, ...]
    key_public_sha256: str | None  # of the public half of the private key; compare with Certificate.public_key_sha256
    order: tuple[str, ...]
    mode: int
    uid: int
    problem: str = ""  # what makes it unusable, or empty


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """What postmap made of a table: its rows as `postmap -s` gives them, or why they cannot be had."""

    rows: Mapping[bytes, bytes] | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """One instance of a host at `now`. Paths are absolute and as the configuration names them.

    `absent` are paths that were asked for and do not exist. `defaults` is the output of `postconf -d`.
    `kinds` gives the table type of each table source in `files`; `compiled` has what postmap made of the compiled ones.
    `pems` are by path; several files read as one are named by their paths with blanks between. What `postmap -F` put
    into a compiled table is there as `sha256:` and its digest: it holds private keys.
    `master_pid` is None where this instance is not running. Of a table in `excerpts` the content in `files` is what the
    excerpt shows, and what postmap made of it is known to be right. `marks` are those of large tables and of what
    postmap made of them, from before they were read.
    """

    config_directory: str
    files: Mapping[str, FileState]
    now: datetime
    mail_version: str
    defaults: bytes
    table_types: frozenset[str]
    sasl_server_types: frozenset[str]
    master_pid: int | None
    absent: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)
    compiled: Mapping[str, CompiledTable] = field(default_factory=dict)
    pems: Mapping[str, PemFile] = field(default_factory=dict)
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
