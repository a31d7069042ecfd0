"""The machine as a transaction wants it: one instance's files and its Postfix."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import CheckFailed, CommandFailed, HostUnreadable
from reconciler.host import (
    certificates,
    edit_lock,
    files,
    listeners,
    master,
    presented,
    remains,
    room,
    service,
    snapshot,
    spliced,
    swap,
)
from reconciler.host.programs import Postfix
from reconciler.host.shadow import complaints, shadow
from reconciler.model.desired import SelfSigned
from reconciler.model.journal import LINES, MADE_ANEW, Fingerprint, Passage, Standing
from reconciler.model.snapshot import FILES_DIGEST, Excerpt, FileState
from reconciler.postfix import delta, master_cf, table, values
from reconciler.postfix.table import TableType, compiled_path

_LARGE = 1 << 20  # bytes of source; smaller tables are built in a moment
_AMENDABLE = frozenset({"hash", "btree", "lmdb"})  # a cdb is only ever built whole


class LocalMachine:
    """The instance of one configuration directory on this machine.

    `queue_directory` is where its master(8) lives, `inet_interfaces` what listeners without an address listen on.
    """

    def __init__(self, config_directory: str, queue_directory: str, inet_interfaces: str) -> None:
        self.inet_interfaces = inet_interfaces
        self.config_directory = config_directory
        self.queue_directory = queue_directory
        self.postfix = Postfix(config_directory)
        self._remarks: tuple[str, ...] = ()
        self._built: dict[str, str] = {}  # compiled path → where the new one waits

    def read(self, path: str) -> FileState | None:
        return files.read(path)

    def fingerprint(self, path: str) -> Fingerprint | None:
        return files.fingerprint(path)

    def passage(self, path: str, *, source: str = "") -> Passage:
        scratch = files.scratch_path(source) if source else ""
        return Passage(path, os.path.realpath(path), files.staging_path(path), scratch=scratch)

    def missing_directories(self, path: str) -> tuple[str, ...]:
        """Only those below the configuration directory are made."""
        parent, root = Path(os.path.realpath(path)).parent, os.path.realpath(self.config_directory)
        missing = [it for it in (parent, *parent.parents) if it.is_relative_to(root) and not it.exists()]
        return tuple(str(it) for it in reversed(missing))

    def refuse_if_crowded(self, sizes: Mapping[str, int]) -> None:
        room.refuse_if_crowded(sizes)

    def stage(self, path: str, content: bytes, like: FileState | None, *, mode: int) -> str:
        with files.typed(path):
            for missing in self.missing_directories(path):
                Path(missing).mkdir()
                Path(missing).chmod(0o755)  # whatever the umask
        return files.stage(path, content, like, mode=mode)

    def build(
        self, kind: str, path: str, content: bytes, like: FileState | None, held: Mapping[str, str] | None = None
    ) -> str:
        """postmap works in a scratch directory beside the target, for it would truncate the live table first.

        Raises CheckFailed where what it made is not what the source says: it leaves rows out with exit code 0.
        """
        scratch = Path(files.scratch_path(path))
        files.discard_scratch(str(scratch))
        scratch.mkdir(mode=0o700)
        try:
            source = scratch / Path(path).name
            source.touch(mode=0o600)
            source.chmod(like.mode if like else 0o644 if held is None else 0o600)
            source.write_bytes(content if held is None else _from_where_they_wait(content, held))
            if like:  # postmap drops to the owner of its source
                for made in (scratch, source):
                    os.chown(made, like.uid, like.gid)
            built = compiled_path(TableType(kind), str(source))
            if held is not None or not self._amended(kind, path, source, content):
                warnings = self.postfix.build(kind, str(source), of_files=held is not None)
                self._compare(kind, source, warnings, path, of_files=held is not None)
            target = compiled_path(TableType(kind), path)
            staged = files.adopt(built, target)
            self._built[target] = staged
            return staged
        finally:
            files.discard_scratch(str(scratch))

    def facts(self, path: str, within: Excerpt) -> FileState | None:
        return spliced.facts(path, within)

    def splice(self, path: str, within: Excerpt, like: FileState | None) -> str:
        return spliced.stage(path, within, like)

    def rebuild(self, kind: str, path: str, staged: str, within: Excerpt, like: FileState | None) -> str:
        """The keys that changed are read back, not the whole table: the copy is one of what was read back before."""
        target = compiled_path(TableType(kind), path)
        made = spliced.amend(self.postfix, kind, path, within, like) if kind in _AMENDABLE else None
        if made is None:
            content = files.read(staged)
            if content is None:
                raise HostUnreadable(f"{staged}: gone")
            made = self.build(kind, path, content.content, like)
        self._built[target] = made
        return made

    def _amended(self, kind: str, path: str, source: Path, content: bytes) -> bool:
        """A copy of the live compiled table with the rows changed, where they are few in a large table.

        The copy is read back whole like any other; where it is not what the source says, it is built anew.
        """
        standing = files.read(path) if len(content) > _LARGE and kind in _AMENDABLE else None
        live, built = (compiled_path(TableType(kind), it) for it in (path, str(source)))
        changed = delta.between(standing.content, content) if standing else None
        if changed is None or not Path(live).is_file():
            return False
        about = source.stat()
        try:
            shutil.copyfile(live, built)
            Path(built).chmod(about.st_mode & 0o777)
            os.chown(built, about.st_uid, about.st_gid)
            self.postfix.amend(kind, str(source), changed.put, changed.gone)
            self._compare(kind, source, (), path, of_files=False)
        except (CommandFailed, CheckFailed, OSError):  # what is really wrong, building it anew will say
            Path(built).unlink(missing_ok=True)
            return False
        return True

    def _compare(self, kind: str, source: Path, warnings: tuple[str, ...], path: str, *, of_files: bool) -> None:
        wanted = {key: row.value for key, row in table.parse(source.read_bytes()).rows.items()}
        if of_files:
            wanted = {key: _digest_of_files(value) for key, value in wanted.items()}
        made = snapshot.made(self.postfix, kind, str(source))
        if made.rows != wanted:
            why = made.problem or "; ".join(warnings) or "its rows are not those of the source"
            raise CheckFailed(f"postmap {kind}:{path}: {why.replace(str(source), path)}")

    def make_certificate(self, request: SelfSigned) -> tuple[bytes, bytes]:
        return certificates.make_self_signed(request.names, request.lifetime, datetime.now(UTC))

    def check(self, candidate: Mapping[str, bytes | str]) -> tuple[str, ...]:
        """What Postfix says against the candidate and does not say against the configuration as it is."""
        unheard = self._listeners(candidate)
        if unheard:
            return unheard
        unusable, self._remarks = presented.judge(candidate, self.config_directory, datetime.now(UTC))
        if unusable:
            return unusable
        with shadow(self.config_directory, self.queue_directory, {**candidate, **self._built}) as changed:
            new = complaints(changed, running=self.is_running())
        if not new:
            return ()
        with shadow(self.config_directory, self.queue_directory, {}) as standing:
            old = frozenset(complaints(standing, running=self.is_running()))
        return tuple(line for line in new if line not in old)

    def remarks(self) -> tuple[str, ...]:
        return self._remarks

    def _listeners(self, candidate: Mapping[str, bytes | str]) -> tuple[str, ...]:
        path = f"{self.config_directory}/master.cf"
        standing = files.read(path)
        wanted = candidate.get(path)
        if not isinstance(wanted, bytes) or standing is None:
            return ()
        before, after = master_cf.parse(standing.content), master_cf.parse(wanted)
        return tuple(
            listeners.complaints(
                before, after, self.inet_interfaces, master.pid(self.queue_directory, self.config_directory)
            )
        )

    def copy(self, target: str, into: str) -> None:
        files.copy(target, into)

    def keep_lines(self, within: Excerpt, into: str) -> None:
        files.keep(into, spliced.lines(within))

    def before_lines(self, target: str, copy: str) -> bytes | None:
        state = spliced.old(target, copy)
        return state.content if state else None

    def edits_held(self) -> AbstractContextManager[None]:
        return edit_lock.held(self.config_directory)

    def standing(self, passage: Passage) -> Standing:
        if os.path.realpath(passage.path) != passage.target:
            return Standing.STRANGE
        found = files.fingerprint(passage.target)
        if found == passage.after:
            return Standing.NEW
        return Standing.OLD if found == passage.before else Standing.STRANGE

    def carry(self, passage: Passage) -> None:
        swap.carry(passage)

    def waiting(self, passage: Passage, copy: str, kept: str, source: Passage | None) -> Passage:
        """From where it waits aside, else staged anew from its copy."""
        if passage.before is None or files.fingerprint(passage.aside) == passage.before:
            return passage
        swap.clear(passage, kept)
        if copy.endswith(MADE_ANEW):
            self._built_anew(passage, source, copy.removesuffix(MADE_ANEW).rpartition(".")[2])
        else:
            content = spliced.old(passage.target, copy) if copy.endswith(LINES) else files.read(copy)
            if content is None:
                raise HostUnreadable(f"{copy}: the copy of {passage.path} is gone")
            files.stage(passage.path, content.content, _as_it_was(content, passage.before), mode=0)
        return replace(passage, before=files.fingerprint(passage.aside))

    def _built_anew(self, passage: Passage, source: Passage | None, kind: str) -> None:
        """From the old source: it waits aside, or is back already."""
        if source is None:
            raise HostUnreadable(f"{passage.path}: nothing is left to make it of")
        aside = files.fingerprint(source.aside)
        state = files.read(source.aside if aside is not None and aside == source.before else source.target)
        if state is None:
            raise HostUnreadable(f"{passage.path}: nothing is left to make it of")
        self.build(kind, source.path, state.content, state)

    def restore(self, passage: Passage) -> None:
        swap.take_back(passage)

    def sync(self, passages: Iterable[Passage]) -> None:
        swap.sync(passages)

    def clear(self, passage: Passage, kept: str) -> str:
        return swap.clear(passage, kept)

    def remove_directories(self, directories: Iterable[str]) -> None:
        for made in reversed(tuple(directories)):
            with suppress(OSError):  # something of somebody else lies in it
                Path(made).rmdir()

    def sweep(self) -> None:
        edit_lock.sweep(self.config_directory)
        remains.sweep(self.queue_directory)

    def is_running(self) -> bool:
        return master.pid(self.queue_directory, self.config_directory) is not None

    def reload(self) -> None:
        self.postfix.reload()

    def restart(self) -> None:
        service.restart(self.postfix, master.pid(self.queue_directory, self.config_directory))


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


def _as_it_was(copy: FileState, before: Fingerprint) -> FileState:
    return replace(copy, mode=before.mode, uid=before.uid, gid=before.gid, xattrs=before.xattrs)
