"""A compiled table, made of its source beside the live one and read back before it may take that one's place.

postmap leaves rows out with exit code 0, exits with 0 on a full disk too, and truncates a table before it writes it.
It works in a scratch directory of ours therefore, and what it made there is compared with the source.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.errors import CheckFailed, CommandFailed
from reconciler.frozen import dataclass
from reconciler.host import files, snapshot
from reconciler.host.programs import Postfix, warnings_of
from reconciler.model.snapshot import FILES_DIGEST, CompiledTable, FileState
from reconciler.postfix import delta, table, values
from reconciler.postfix.table import TableType, compiled_path

AMENDABLE = frozenset({"hash", "btree", "lmdb"})  # a cdb is only ever built whole
_LARGE = 1 << 20  # bytes of source; smaller tables are built in a moment


@dataclass(frozen=True, slots=True)
class Source:
    """What a table is made of: `content` for `path`, with the owner and mode that `like` has.

    `held` where the rows name PEM files, whose content goes into the table: where those wait that are replaced, path to
    staged path.
    """

    kind: str
    path: str
    content: bytes
    like: FileState | None
    held: Mapping[str, str] | None = None


class Building:
    """A table in the making, one program of Postfix after the other. Left without `finish`, nothing is left of it.

    To begin it, `advance` and `finish` raise CheckFailed where the result is not what the source says, CommandFailed,
    HostUnwritable, OSError.
    """

    def __init__(self, postfix: Postfix, source: Source) -> None:
        """Begins with the first program."""
        self._steps = _made(postfix, source)
        self._staged = ""
        self.advance()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._steps.close()

    def advance(self) -> bool:
        """Wait for the program that is at work, and begin the next one; whether there is one."""
        try:
            next(self._steps)
        except StopIteration as end:
            self._staged = end.value
            return False
        return True

    def finish(self) -> str:
        """To the end; gives the path of what is staged, complete and on the disk."""
        with self:
            while not self._staged and self.advance():
                pass
        return self._staged


def _made(postfix: Postfix, it: Source) -> Generator[None, None, str]:
    scratch = Path(files.scratch_path(it.path))
    files.discard_scratch(str(scratch))
    scratch.mkdir(mode=0o700)
    try:
        source = scratch / Path(it.path).name
        source.touch(mode=0o600)
        source.chmod(it.like.mode if it.like else 0o644 if it.held is None else 0o600)
        source.write_bytes(it.content if it.held is None else _from_where_they_wait(it.content, it.held))
        if it.like:  # postmap drops to the owner of its source
            for made in (scratch, source):
                os.chown(made, it.like.uid, it.like.gid)
        if it.held is not None or not _amended(postfix, it, source):
            yield from _built(postfix, it, source)
        return files.adopt(compiled_path(TableType(it.kind), str(source)), compiled_path(TableType(it.kind), it.path))
    finally:
        files.discard_scratch(str(scratch))


def _built(postfix: Postfix, it: Source, source: Path) -> Generator[None, None, None]:
    with postfix.building(it.kind, str(source), of_files=it.held is not None) as building:
        yield
        warnings = warnings_of(building.succeed())
    if it.kind == TableType.CDB:
        _compare(it, source, snapshot.made(postfix, it.kind, str(source)), warnings)
        return
    with postfix.dumping(it.kind, str(source)) as dumping:
        yield
        _compare(it, source, snapshot.rows(dumping.finish()), warnings)


def _amended(postfix: Postfix, it: Source, source: Path) -> bool:
    """A copy of the live compiled table with the rows changed, where they are few in a large table.

    The copy is read back whole like any other; where it is not what the source says, it is built anew.
    """
    standing = files.read(it.path) if len(it.content) > _LARGE and it.kind in AMENDABLE else None
    live, built = (compiled_path(TableType(it.kind), path) for path in (it.path, str(source)))
    changed = delta.between(standing.content, it.content) if standing else None
    if changed is None or not Path(live).is_file():
        return False
    about = source.stat()
    try:
        shutil.copyfile(live, built)
        Path(built).chmod(about.st_mode & 0o777)
        os.chown(built, about.st_uid, about.st_gid)
        postfix.amend(it.kind, str(source), changed.put, changed.gone)
        _compare(it, source, snapshot.made(postfix, it.kind, str(source)), ())
    except (CommandFailed, CheckFailed, OSError):  # what is really wrong, building it anew will say
        Path(built).unlink(missing_ok=True)
        return False
    return True


def _compare(it: Source, source: Path, made: CompiledTable, warnings: tuple[str, ...]) -> None:
    """Raises CheckFailed where its rows are not those of the source."""
    wanted = {key: row.value for key, row in table.parse(source.read_bytes()).rows.items()}
    if it.held is not None:
        wanted = {key: _digest_of_files(value) for key, value in wanted.items()}
    if made.rows != wanted:
        why = made.problem or "; ".join(warnings) or "its rows are not those of the source"
        raise CheckFailed(f"postmap {it.kind}:{it.path}: {why.replace(str(source), it.path)}")


def _from_where_they_wait(content: bytes, held: Mapping[str, str]) -> bytes:
    """A table that names files, with the staged file in the place of each that is about to be replaced."""
    document = table.parse(content)
    rows: dict[bytes, bytes | None] = {
        key: b", ".join(_bytes(held.get(path, path)) for path in values.split_list(_text(row.value)))
        for key, row in document.rows.items()
    }
    return document.edit(rows).render()


def _digest_of_files(value: bytes) -> bytes:
    """What a snapshot shows of a row whose files postmap has put into the table."""
    state = files.read_joined(values.split_list(_text(value)))
    return FILES_DIGEST + hashlib.sha256(state.content).hexdigest().encode() if state else b""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
