"""What a plan puts in place, file by file, and the next version of each, written beside the live one."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import field
from itertools import islice

from reconciler.apply.machine import Building, Machine
from reconciler.errors import Conflict
from reconciler.frozen import dataclass, replace
from reconciler.live.paths import absolute, in_address
from reconciler.model.address import FileAddress
from reconciler.model.journal import LINES, MADE_ANEW, UNREAD, Fingerprint, Passage
from reconciler.model.plan import AssembleCertificate, BuildTable, Edit, MakeCertificate, Plan
from reconciler.model.snapshot import Excerpt, FileState
from reconciler.postfix.table import TableType, compiled_path

_AT_ONCE = 8  # tables
_QUICK = 1 << 20  # bytes of source; what is larger is waited for when its turn has come
_TABLE_MODE, _KEY_MODE, _CERTIFICATE_MODE = 0o644, 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Step:
    """One file: what stands there, and what shall. `content` is None for a removal; of a compiled table it is the
    source, and `table` its type. Of a large file they are what `within` shows of it.
    """

    passage: Passage
    before: FileState | None
    content: bytes | None
    mode: int = _TABLE_MODE
    like: FileState | None = None
    table: str = ""
    source: str = ""
    of_files: bool = False  # postmap puts the files in, that the rows name
    within: Excerpt | None = None
    made_by: MakeCertificate | None = None  # what the content is made by, once this is staged


@dataclass
class Staging:
    """The steps of one plan, in the order in which they are committed."""

    plan: Plan
    machine: Machine
    steps: list[Step] = field(default_factory=list)
    made: dict[FileAddress, str] = field(default_factory=dict)  # certificate files made now, and their digests

    def intend(self) -> None:
        """Find out what there is to do; nothing is written.

        Raises Conflict where a file is not the one the plan was made from.
        """
        for certificate in self.plan.certificates:
            self.steps += self._certificate(certificate)
        self.steps += (step for edit in self.plan.edits if (step := self._edit(edit)) is not None)
        self.steps += [self._table(action) for action in self.plan.actions if isinstance(action, BuildTable)]
        self.steps = [self._named(step, number) for number, step in enumerate(self._in_order(), start=1)]

    @property
    def passages(self) -> tuple[Passage, ...]:
        return tuple(step.passage for step in self.steps)

    @property
    def directories(self) -> tuple[str, ...]:
        """Those that have to be made, outermost first."""
        wanted = (
            self.machine.missing_directories(step.passage.path) for step in self.steps if step.content is not None
        )
        return tuple(dict.fromkeys(directory for found in wanted for directory in found))

    @property
    def contents(self) -> dict[str, bytes | str]:
        """The candidate's files by their live paths; of a compiled table where its next version waits."""
        put = (step for step in self.steps if step.content is not None)
        return {
            it.passage.path: it.passage.aside if it.passage.compiled or it.within else it.content or b"" for it in put
        }

    def write(self) -> Iterator[str]:
        """Stage every file and fingerprint it; gives a word for each, before it is begun.

        postmap is at work on several tables meanwhile. Raises HostUnwritable, CheckFailed, Conflict.
        """
        self.machine.refuse_if_crowded({step.passage.path: _size(step) for step in self.steps})
        with ExitStack() as stack:
            begun = {it: stack.enter_context(self._building(self.steps[it])) for it in self._first_tables()}
            self._make_certificates()
            for number, building in begun.items():
                if _size(self.steps[number]) <= _QUICK:
                    building.advance()
            for number, step in enumerate(self.steps):
                yield f"postmap {step.table}:{step.source}" if step.table else step.passage.path
                self.steps[number] = replace(step, passage=self._written(step, begun.get(number)))

    def _first_tables(self) -> Iterator[int]:
        """Some that wait for no file. Of one source the others follow: they are built in the same place."""
        first = {it.source: number for number, it in reversed(tuple(enumerate(self.steps))) if it.table}
        free = (it for it in first.values() if not self.steps[it].of_files and self.steps[it].within is None)
        return islice(free, _AT_ONCE)

    def _building(self, step: Step) -> Building:
        held = self._waiting() if step.of_files else None
        return self.machine.building(step.table, step.source, step.content or b"", step.like or step.before, held)

    def _make_certificates(self) -> None:
        """Keys, and certificates signed with them: the slowest thing to prepare."""
        for certificate in self.plan.certificates:
            if isinstance(certificate, MakeCertificate):
                made = self._made(certificate)
                self.steps = [
                    replace(it, content=made[it.passage.path]) if it.made_by is certificate else it for it in self.steps
                ]

    def _written(self, step: Step, begun: Building | None) -> Passage:
        like = step.like or step.before
        if step.within is not None:
            self._spliced(step, step.within, like)
        elif step.table:
            (begun or self._building(step)).finish()
        elif step.content is not None:
            self.machine.stage(step.passage.path, step.content, like, mode=step.mode)
        before = self.machine.fingerprint(step.passage.target)
        if not step.passage.compiled and not _is(before, step):
            raise Conflict(f"{step.passage.path} has changed since the plan was made; plan again")
        after = None if step.content is None else self.machine.fingerprint(step.passage.aside)
        return replace(step.passage, before=before, after=after)

    def _spliced(self, step: Step, within: Excerpt, like: FileState | None) -> None:
        """A large file with some of its lines replaced, or what postmap makes of it."""
        if not step.table:
            self.machine.splice(step.passage.path, within, like)
            return
        source = self.machine.passage(step.source).aside
        self.machine.rebuild(step.table, step.source, source, within, like)

    def _waiting(self) -> dict[str, str]:
        """Where the next version of each text file waits."""
        found = (step.passage for step in self.steps if step.content is not None and not step.passage.compiled)
        return {passage.path: passage.aside for passage in found}

    def _edit(self, edit: Edit) -> Step | None:
        if edit.within is not None:
            return self._excerpt(edit, edit.within)
        standing = self.machine.read(edit.path)
        if not edit.compiled and (standing.content if standing else None) != edit.before:
            raise Conflict(f"{edit.path} has changed since the plan was made; plan again")
        if standing is None and edit.after is None:
            return None
        passage = replace(self.machine.passage(edit.path), compiled=edit.compiled)
        mode = _KEY_MODE if edit.private else _TABLE_MODE
        return Step(passage, standing, edit.after, mode, like=edit.like)

    def _excerpt(self, edit: Edit, within: Excerpt) -> Step:
        """Raises Conflict where it is not the file that was looked at."""
        standing = self.machine.facts(edit.path, within)
        if standing is None:
            raise Conflict(f"{edit.path} has changed since the plan was made; plan again")
        return Step(self.machine.passage(edit.path), standing, edit.after, like=edit.like, within=within)

    def _certificate(self, certificate: MakeCertificate | AssembleCertificate) -> Iterator[Step]:
        if isinstance(certificate, AssembleCertificate):
            content = self._assembled(certificate)
            path = self._record(certificate.chain_file, content)
            yield Step(self.machine.passage(path), self.machine.read(path), content, _KEY_MODE)
            return
        for name, mode in _files_of(certificate):
            path = absolute(name, self.plan.config_directory)
            yield Step(self.machine.passage(path), self.machine.read(path), b"", mode, made_by=certificate)

    def _made(self, certificate: MakeCertificate) -> dict[str, bytes]:
        """The content of its files, by path."""
        key, chain = self.machine.make_certificate(certificate.request)
        parts = (key + chain,) if certificate.chain_file else (key, chain)
        names = (name for name, _ in _files_of(certificate))
        return {self._record(name, content): content for name, content in zip(names, parts, strict=True)}

    def _record(self, name: str, content: bytes) -> str:
        """Note what a certificate file will be; gives its path."""
        path = absolute(name, self.plan.config_directory)
        self.made[FileAddress(in_address(path, self.plan.config_directory))] = hashlib.sha256(content).hexdigest()
        return path

    def _assembled(self, certificate: AssembleCertificate) -> bytes:
        """The files as one, which must still be what the plan saw: a renewal can fall between."""
        states = [self.machine.read(path) for path in certificate.sources]
        content = b"\n".join(state.content for state in states if state is not None)
        if hashlib.sha256(content).hexdigest() != certificate.sha256:
            raise Conflict(f"{certificate.sources[0]} has changed since the plan was made; plan again")
        return content

    def _table(self, action: BuildTable) -> Step:
        source = next((step for step in self.steps if step.passage.path == action.path), None)
        standing = source.before if source else self.machine.read(action.path)
        content = source.content if source else (standing.content if standing else None)
        if content is None:
            raise Conflict(f"{action.path} has gone since the plan was made; plan again")
        path = compiled_path(TableType(action.type), action.path)
        passage = replace(self.machine.passage(path, source=action.path), compiled=True)
        of_files, within = action.of_files, source.within if source else None
        return Step(passage, standing, content, table=action.type, source=action.path, of_files=of_files, within=within)

    def _in_order(self) -> list[Step]:
        """No reference precedes its target: tables and certificates, master.cf, main.cf, and then what is removed.

        A plan that only takes away lets go in the reverse order: main.cf before master.cf.
        """
        removing = all(change.after is None for change in self.plan.changes)
        rank = {"master.cf": 2 if removing else 1, "main.cf": 1 if removing else 2}
        own = {absolute(name, self.plan.config_directory): order for name, order in rank.items()}
        return sorted(self.steps, key=lambda step: 3 if step.content is None else own.get(step.passage.path, 0))

    @staticmethod
    def _named(step: Step, number: int) -> Step:
        copy = f"{number:02}-{posixpath.basename(step.passage.path)}"
        if step.within is not None:
            copy += f".{step.table}{MADE_ANEW}" if step.table else LINES
        return replace(step, passage=replace(step.passage, copy=copy))


def _files_of(certificate: MakeCertificate) -> tuple[tuple[str, int], ...]:
    """With their modes: key and chain in one, or each in its own."""
    if certificate.chain_file:
        return ((certificate.chain_file, _KEY_MODE),)
    return (certificate.key_file, _KEY_MODE), (certificate.certificate_file, _CERTIFICATE_MODE)


def _size(step: Step) -> int:
    return step.within.size if step.within is not None else len(step.content or b"")


def _is(found: Fingerprint | None, step: Step) -> bool:
    """Whether a file is the one that the step was made from."""
    if found is None or step.before is None:
        return found is None and step.before is None
    if step.within is not None:
        return (found.sha256, found.size) == (step.within.mark, step.within.size)
    if found.sha256.startswith(UNREAD):
        return found.sha256.endswith(f":{step.before.mtime_ns}") and found.size == len(step.before.content)
    return found.sha256 == hashlib.sha256(step.before.content).hexdigest()
