"""The compiled tables of the canary: built where none was given, and read back where one was."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from reconciler.canary.identity import MADE
from reconciler.errors import HostUnreadable
from reconciler.host import files, shadow, snapshot
from reconciler.host.instance import PrivateInstance
from reconciler.model.candidate import Candidate
from reconciler.postfix import table
from reconciler.postfix.table import TableType, compiled_path

_LARGE = 4 << 20  # bytes


def standing(path: str) -> bytes:
    """The live source of a table; empty where it cannot be read, or is too large to be looked through."""
    try:
        state = files.read(path)
    except HostUnreadable:
        return b""
    return state.content if state and len(state.content) <= _LARGE else b""


def build(candidate: Candidate, instance: PrivateInstance) -> None:
    """Compile what no compiled file was given for."""
    for path, kind in candidate.tables.items():
        if compiled_path(TableType(kind), path) not in candidate.files:
            place = _place(path, candidate, instance)
            content = place.read_bytes()
            for link in (place, Path(compiled_path(TableType(kind), str(place)))):
                link.unlink(missing_ok=True)  # to the live ones, which postmap would write through it
            place.write_bytes(content)
            instance.postfix.build(kind, str(place))


def unlike_their_sources(candidate: Candidate, instance: PrivateInstance) -> Iterator[str]:
    """What is not what postmap makes of its source; of tables that postmap did not just make."""
    texts = b"".join(Path(instance.config_directory, name).read_bytes() for name in ("main.cf", "master.cf"))
    for path, content in candidate.files.items():
        source, suffix = posixpath.splitext(path)
        if suffix not in MADE or not isinstance(content, bytes):
            continue
        place = _place(source, candidate, instance)
        named = re.search(rb"(hash|btree|cdb|lmdb):" + re.escape(str(place).encode()) + rb"(?![\w./-])", texts)
        if named and place.is_file():
            made = snapshot.rows(instance.postfix.dumping(named[1].decode(), str(place)).finish())
            wanted = {key: row.value for key, row in table.parse(place.read_bytes()).rows.items()}
            if made.rows is None or made.rows.keys() != wanted.keys():
                yield f"{path}: not what postmap makes of {source} ({made.problem or 'other rows'})"


def _place(path: str, candidate: Candidate, instance: PrivateInstance) -> Path:
    """Where the canary has a file of the candidate's."""
    return shadow.place(instance.config_directory, candidate.config_directory, path)
