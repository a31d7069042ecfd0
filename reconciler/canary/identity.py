"""What makes two candidates the same one: what has passed is not tried again."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.model.candidate import Candidate
from reconciler.postfix import main_cf

_PATH = re.compile(rb"/[\w@%+=.,/-]+")
_WHOLE = 1 << 20  # bytes; larger files count by size and time
_LOG = b"maillog_file"
MADE = (".db", ".cdb", ".lmdb", ".dir", ".pag")  # by postmap, from sources that count


def identity(candidate: Candidate, mail_version: str) -> str:
    """A digest of everything Postfix would read: every file of the directory, and each that main.cf and master.cf name.

    What is below the queue, logs and sockets do not count.
    """
    digest = hashlib.sha256(f"{mail_version}\0{candidate.config_directory}\0".encode())
    for path, said in sorted(_everything(candidate)):
        digest.update(os.fsencode(path) + b"\0" + said + b"\0")
    return digest.hexdigest()


def _everything(candidate: Candidate) -> Iterator[tuple[str, bytes]]:
    own = {
        path: content
        for path, content in candidate.files.items()
        if not path.endswith(MADE) or isinstance(content, bytes)  # not by postmap just now
    }
    known: set[str] = set(own) | candidate.removed
    for path, content in own.items():
        yield path, hashlib.sha256(content).digest() if isinstance(content, bytes) else _said(Path(content))
    for folder, _, names in os.walk(candidate.config_directory):
        for name in names:
            path = f"{folder}/{name}"
            if path not in known and not name.endswith(MADE) and not name.startswith("."):
                known.add(path)
                yield path, _said(Path(path))
    for path in sorted(_named(candidate, own) - known):
        if Path(path).is_file() and not path.endswith(MADE):
            yield path, _said(Path(path))


def _named(candidate: Candidate, own: Mapping[str, bytes | str]) -> set[str]:
    """The absolute paths in main.cf and master.cf."""
    found: set[str] = set()
    for name in ("main.cf", "master.cf"):
        content = own.get(f"{candidate.config_directory}/{name}")
        text = content if isinstance(content, bytes) else Path(candidate.config_directory, name).read_bytes()
        found |= {os.fsdecode(path) for path in _PATH.findall(text)}
        found -= {os.fsdecode(path) for path in _PATH.findall(main_cf.parse(text).get(_LOG) or b"")}
    return found


def _said(path: Path) -> bytes:
    try:
        about = path.stat()
        if about.st_size > _WHOLE:
            return f"{about.st_size} {about.st_mtime_ns}".encode()
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        return str(error.errno).encode()
