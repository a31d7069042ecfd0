"""What must not stand in a state repository: private keys and passwords. Found before anything is read, in any file."""

from __future__ import annotations

import re

from reconciler.errors import Position, Problem
from reconciler.model.snapshot import RepoSnapshot

_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY")
# Dovecot's passwd-file (`user:{PLAIN}secret`) and Postfix's sasl_passwd (`[relay]:587 user:secret`)
_PASSWD_FILE = re.compile(rb"^[^\s:#]+:\{(?:PLAIN|CLEAR|CLEARTEXT)[.A-Z0-9]*\}\S", re.MULTILINE | re.IGNORECASE)
_SASL_PASSWD = re.compile(rb"^(?!#)\S+[ \t]+[^\s:=]+:[^\s]+[ \t]*\r?$", re.MULTILINE)
_WHY = "everybody who can read the repository, now or later, has read it"


def find(repo: RepoSnapshot) -> tuple[Problem, ...]:
    """One problem for each file that holds a private key or a password; its text never repeats the secret."""
    found = []
    for path, data in repo.files.items():
        if b"PRIVATE KEY" in data and (key := _KEY.search(data)):
            fix = "remove it, and make a new key: keys stay on the host, name the path of the file instead"
            found.append(Problem(_place(path, data, key.start()), "a private key in the repository", fix, _WHY))
        elif (password := _password(path, data)) is not None:
            fix = "remove it, and change the password: passwords stay on the host"
            found.append(Problem(_place(path, data, password), "a password in the repository", fix, _WHY))
    return tuple(found)


def _password(path: str, data: bytes) -> int | None:
    match = _PASSWD_FILE.search(data) if b":{" in data else None
    if match is None and "passw" in path.rpartition("/")[2].lower() and not path.endswith((".yaml", ".md")):
        match = _SASL_PASSWD.search(data)
    return match.start() if match else None


def _place(path: str, data: bytes, at: int) -> Position:
    start = data.rfind(b"\n", 0, at) + 1
    return Position(path, data.count(b"\n", 0, at) + 1, len(data[start:at].decode("utf-8", "replace")) + 1)
