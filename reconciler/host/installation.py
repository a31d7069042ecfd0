"""Which Postfix is installed: what its own facts depend on, so that they need not be asked for again.

`postconf -d`, `-m` and `-a` answer from the program, its libraries, the list of its table types, the host's name and
its network interfaces (`mynetworks`). While none of these moves, neither do the answers.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.frozen import dataclass
from reconciler.host.command import SEARCH_PATH
from reconciler.host.programs import Facts, Postfix, nothing
from reconciler.postfix.effective import parse_defaults

_INTERFACES = ("/proc/net/fib_trie", "/proc/net/if_inet6")


@dataclass(frozen=True, slots=True)
class Installed:
    """The facts of a Postfix, and of which one."""

    identity: str
    facts: Facts


def installed(
    config_directory: str,
    meta_directory: str,
    known: Installed | None,
    meanwhile: Callable[[], None] = nothing,
) -> Installed:
    """The facts, from what is `known` where that is of the same Postfix; else asked for, and `meanwhile` called.

    Raises CommandFailed where Postfix is not installed.
    """
    if known is not None and known.identity == identity(meta_directory, known.facts):
        return known
    facts = Postfix(config_directory).facts(meta_directory=meta_directory, meanwhile=meanwhile)
    return Installed(identity(meta_directory, facts), facts)


def identity(meta_directory: str, facts: Facts) -> str:
    """A digest of what these facts depend on, by inode, size and times; of the network by content."""
    defaults = parse_defaults(facts.defaults)
    digest = hashlib.sha256(f"{meta_directory}\0{socket.gethostname()}\0".encode())
    meta = meta_directory or defaults.get("meta_directory", "")
    for path in _files(meta, defaults.get("shlib_directory", "")):
        digest.update(_stands(path))
    for path in _INTERFACES:
        with suppress(OSError):
            digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def _files(meta_directory: str, library_directory: str) -> Iterator[str]:
    yield shutil.which("postconf", path=SEARCH_PATH) or ""
    for directory in (library_directory, f"{meta_directory}/dynamicmaps.cf.d"):
        yield directory
        with suppress(OSError):
            yield from sorted(it.path for it in os.scandir(directory) if ".so" in it.name or it.name.endswith(".cf"))
    yield f"{meta_directory}/dynamicmaps.cf"


def _stands(path: str) -> bytes:
    try:
        about = Path(path).stat()
    except OSError as error:
        return f"{path} {error.errno}\0".encode()
    return f"{path} {about.st_ino} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}\0".encode()
