"""The machine as a transaction wants it: one instance's files and its Postfix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import HostUnreadable
from reconciler.frozen import replace
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
    spliced,
    swap,
)
from reconciler.host.building import AMENDABLE, Building, Source
from reconciler.host.programs import Postfix, nothing
from reconciler.host.shadow import complaints, shadow
from reconciler.model.desired import SelfSigned
from reconciler.model.journal import LINES, MADE_ANEW, Fingerprint, Passage, Standing
from reconciler.model.snapshot import Excerpt, FileState
from reconciler.postfix import master_cf


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
        self._make_directories(path)
        return files.stage(path, content, like, mode=mode)

    def _make_directories(self, path: str) -> None:
        with files.typed(path):
            for missing in self.missing_directories(path):
                Path(missing).mkdir()
                Path(missing).chmod(0o755)  # whatever the umask

    def building(
        self, kind: str, path: str, content: bytes, like: FileState | None, held: Mapping[str, str] | None = None
    ) -> Building:
        self._make_directories(path)
        return Building(self.postfix, Source(kind, path, content, like, held))

    def facts(self, path: str, within: Excerpt) -> FileState | None:
        return spliced.facts(path, within)

    def splice(self, path: str, within: Excerpt, like: FileState | None) -> str:
        return spliced.stage(path, within, like)

    def rebuild(self, kind: str, path: str, staged: str, within: Excerpt, like: FileState | None) -> str:
        """The keys that changed are read back, not the whole table: the copy is one of what was read back before."""
        made = spliced.amend(self.postfix, kind, path, within, like) if kind in AMENDABLE else None
        if made is None:
            content = files.read(staged)
            if content is None:
                raise HostUnreadable(f"{staged}: gone")
            made = self.building(kind, path, content.content, like).finish()
        return made

    def make_certificate(self, request: SelfSigned) -> tuple[bytes, bytes]:
        return certificates.make_self_signed(request.names, request.lifetime, datetime.now(UTC))

    def check(self, candidate: Mapping[str, bytes | str], meanwhile: Callable[[], None] = nothing) -> tuple[str, ...]:
        """What Postfix says against the candidate and does not say against the configuration as it is."""
        unheard = self._listeners(candidate)
        if unheard:
            return unheard
        unusable, self._remarks = presented.judge(candidate, self.config_directory, datetime.now(UTC))
        if unusable:
            return unusable
        with shadow(self.config_directory, self.queue_directory, candidate) as changed:
            new = complaints(changed, running=self.is_running(), meanwhile=meanwhile)
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
        self.building(kind, source.path, state.content, state).finish()

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


def _as_it_was(copy: FileState, before: Fingerprint) -> FileState:
    return replace(copy, mode=before.mode, uid=before.uid, gid=before.gid, xattrs=before.xattrs)
