"""One-value edits through our documents, judged by Postfix: it reads the intended change and nothing else.

And by the file: which physical lines changed, against the lines that the edited thing stands on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from reconciler.postfix import main_cf, master_cf, table
from reconciler.postfix.lines import LogicalLine, inner_comments
from reconciler.postfix.master_cf import MasterCf, Service
from tests.oracle import judge

_UNTOUCHED = (
    "inet_",
    "compatibility_level",
    "multi_instance",
    "mynetworks",
    "config_directory",
    "mail_version",
    "default_privs",
)
_NEW = (b"smtpd_tls_received_header", b"smtp_tls_note_starttls_offer", b"tls_preempt_cipherlist")
_VALUE = b"edited"
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Edit:
    """`own` is on how many physical lines the edited thing stood, `change` what Postfix shall read afterwards."""

    what: str
    before: bytes
    after: bytes
    own: int
    change: dict[bytes, bytes | None]

    @property
    def lines(self) -> tuple[int, int]:
        """How many lines went, and how many came."""
        before, after = ([line.removesuffix(b"\r") for line in _physical(side)] for side in (self.before, self.after))
        changed = [it for it in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if it[0] != "equal"]
        return sum(it[2] - it[1] for it in changed), sum(it[4] - it[3] for it in changed)

    @property
    def is_one_line(self) -> bool:
        """One line added, changed or removed."""
        return max(self.lines) == 1

    @property
    def is_own(self) -> bool:
        """Nothing but the lines of the edited thing, and no more lines than it takes."""
        went, came = self.lines
        return went <= self.own and came <= 1


def _physical(source: bytes) -> list[bytes]:
    """The lines without their ends; a missing last line feed makes no other line."""
    return source.removesuffix(b"\n").split(b"\n")


def _some(names: list[bytes]) -> list[bytes]:
    """All in the long mode, else three."""
    return names if judge.LONG or len(names) <= 3 else [names[0], names[len(names) // 2], names[-1]]


def _own_lines(source: LogicalLine) -> int:
    """The physical lines of a logical one, without the comments inside it."""
    return len(_physical(source.raw)) - len(inner_comments(source))


# --- main.cf ------------------------------------------------------------------------------------------------------


def of_main(source: bytes, said: dict[bytes, bytes]) -> Iterator[Edit]:
    """A parameter set anew, changed and removed. `said` is what `postconf -n` says of the file."""
    document = main_cf.parse(source)
    for new in [name for name in _NEW if document.get(name) is None][:1]:
        yield Edit(f"set {new!r}", source, document.set(new, b"yes").render(), 0, {new: b"yes"})
    standing = [name for name in document.parameters if name in said and not name.decode().startswith(_UNTOUCHED)]
    for name in _some(standing):
        entry = document.find(name)
        own = _own_lines(entry.source) if entry else 0
        yield Edit(f"change {name!r}", source, document.set(name, _VALUE).render(), own, {name: _VALUE})
        all_own = sum(_own_lines(it.source) for it in document.entries if it.name == name)
        yield Edit(f"remove {name!r}", source, document.unset(name).render(), all_own, {name: None})


def judged_main(source: bytes) -> list[tuple[Edit, str]]:
    """Each edit with what is wrong about it, or nothing."""
    said = _ask_main([source])[0]
    if said is None:
        return []
    edits = list(of_main(source, said))
    answers = [
        it
        for start in range(0, len(edits), _BATCH)
        for it in _ask_main([e.after for e in edits[start : start + _BATCH]])
    ]
    return [(edit, _wrong(edit, said, answer)) for edit, answer in zip(edits, answers, strict=True)]


def _wrong(edit: Edit, before: dict[bytes, bytes], after: dict[bytes, bytes] | None) -> str:
    wanted = {**before, **edit.change}
    expected = {name: value for name, value in wanted.items() if value is not None}
    if after is None:
        return "Postfix does not read the file any more"
    found = judge.differences(after, expected)
    if found:
        return f"Postfix reads {found}"
    return "" if edit.is_own else f"{edit.lines[0]} lines went and {edit.lines[1]} came, of its own {edit.own}"


def _ask_main(documents: list[bytes]) -> list[dict[bytes, bytes] | None]:
    """Postfix's own parameters; those of a user's making it shows only while something uses them."""
    with judge.directory() as where:
        folders = [_laid_out(where / str(number), main, b"") for number, main in enumerate(documents)]
        answers = judge.ask_all(("postconf", "-c", folder, "-n") for folder in folders)
    own = b"config_directory"
    return [
        None
        if it.status
        else {
            name: value for name, value in judge.lines(it.out).items() if name != own and name.decode() in judge.known()
        }
        for it in answers
    ]


def _laid_out(folder: Path, main: bytes, master: bytes) -> Path:
    folder.mkdir()
    judge.write(folder / "main.cf", main)
    judge.write(folder / "master.cf", master)
    return folder


# --- master.cf ----------------------------------------------------------------------------------------------------

_OPTION = "smtpd_tls_received_header"
_COLUMNS = ("n", "-", "y", "-", "-")


def of_master(source: bytes) -> Iterator[Edit]:
    """An option set anew, changed and removed in services, and a service added and removed."""
    document = master_cf.parse(source)
    for service in _some_services(document):
        where = f"{service.name}/{service.type}"
        if _OPTION not in service.overrides:
            key = f"{where}/{_OPTION}".encode()
            after = document.set_option(service, _OPTION, "yes").render()
            own = int(any(not it.startswith("-") for it in service.other_arguments))  # in front of these, on their line
            yield Edit(f"set -o in {where}", source, after, own, {key: b"yes"})
        for name in [it.decode() for it in _some([it.encode() for it in service.overrides])]:
            key = f"{where}/{name}".encode()
            after = document.set_option(service, name, "edited").render()
            yield Edit(f"change -o {name} in {where}", source, after, 1, {key: b"edited"})
            count = sum(1 for option in service.options if option.name == name)
            gone = document.unset_option(service, name).render()
            yield Edit(f"remove -o {name} in {where}", source, gone, count, {key: None})
        lost = {f"{where}/{name}".encode(): None for name in service.overrides} | {where.encode(): None}
        own = _own_lines(service.source)
        yield Edit(f"remove {where}", source, document.remove(service.name, service.type).render(), own, {**lost})
    if document.get("10587", "inet") is None:
        added = document.add("10587", "inet", _COLUMNS, "smtpd").render()
        yield Edit(
            "add 10587/inet", source, added, 0, {b"10587/inet": b" ".join(it.encode() for it in (*_COLUMNS, "smtpd"))}
        )


def _some_services(document: MasterCf) -> list[Service]:
    """Services that stand once, and whose options postconf reads as the daemons do."""
    keys = [service.key for service in document.services]
    found = [
        service
        for service in document.services
        if keys.count(service.key) == 1 and service.command in ("smtpd", "smtp", "lmtp") and not misread(service)
    ]
    return found if judge.LONG or len(found) <= 2 else [found[0], found[-1]]


def misread(service: Service) -> bool:
    """Whether it has an option that postconf takes apart at a second `o`: `-osmtpd_tls_loglevel=1`."""
    return any(len(option.tokens) == 1 for option in service.options)


def judged_master(source: bytes) -> list[tuple[Edit, str]]:
    """Each edit with what is wrong about it, or nothing."""
    said = _ask_master([source])[0]
    if said is None:
        return []
    edits = list(of_master(source))
    answers = [
        it
        for start in range(0, len(edits), _BATCH)
        for it in _ask_master([e.after for e in edits[start : start + _BATCH]])
    ]
    return [(edit, _wrong(edit, said, answer)) for edit, answer in zip(edits, answers, strict=True)]


def _ask_master(documents: list[bytes]) -> list[dict[bytes, bytes] | None]:
    """Columns by `service/type`, options by `service/type/name`."""
    with judge.directory() as where:
        folders = [_laid_out(where / str(number), b"", master) for number, master in enumerate(documents)]
        answers = judge.ask_all(("postconf", "-c", folder, flag) for folder in folders for flag in ("-M", "-P"))
    pairs = zip(answers[::2], answers[1::2], strict=True)
    return [
        None if lines.status or options.status else {**_columns(lines.out), **judge.lines(options.out)}
        for lines, options in pairs
    ]


def _columns(out: bytes) -> dict[bytes, bytes]:
    fields = [line.split()[:8] for line in out.split(b"\n") if line]
    return {b"/".join(it[:2]): b" ".join(it[2:]) for it in fields}


# --- tables -------------------------------------------------------------------------------------------------------


def of_table(source: bytes) -> Iterator[Edit]:
    """A row added, changed and removed."""
    document = table.parse(source)
    yield Edit(
        "add a row", source, document.edit({b"new.example": b"encrypt"}).render(), 0, {b"new.example": b"encrypt"}
    )
    for key in _some(list(document.rows)):
        standing = document.rows[key]
        if sum(1 for node in document.nodes if isinstance(node, table.Row) and node.key == key) > 1:
            continue  # postmap drops the others: of what is not asked, nothing is to be edited
        own = _own_lines(standing.source)
        yield Edit(f"change {key!r}", source, document.edit({key: _VALUE}).render(), own, {key: _VALUE})
        yield Edit(f"remove {key!r}", source, document.edit({key: None}).render(), own, {key: None})


def judged_table(source: bytes) -> list[tuple[Edit, str]]:
    """Each edit with what is wrong about it, or nothing."""
    said = _ask_tables([source])[0]
    if said is None:
        return []
    edits = list(of_table(source))
    answers = [
        it
        for start in range(0, len(edits), _BATCH)
        for it in _ask_tables([e.after for e in edits[start : start + _BATCH]])
    ]
    return [(edit, _wrong(edit, said, answer)) for edit, answer in zip(edits, answers, strict=True)]


def rows_by_postfix(source: bytes) -> dict[bytes, bytes] | None:
    """The rows that `postmap -s` gives of a table; None where it cannot be built."""
    return _ask_tables([source])[0]


def _ask_tables(documents: list[bytes]) -> list[dict[bytes, bytes] | None]:
    with judge.directory() as where:
        judge.write(where / "main.cf", b"compatibility_level = 3.6\n")
        for number, document in enumerate(documents):
            judge.write(where / str(number), document)
        paths = [f"hash:{where}/{number}" for number in range(len(documents))]
        judge.ask_all(("postmap", "-c", where, path) for path in paths)
        answers = judge.ask_all(("postmap", "-c", where, "-s", path) for path in paths)
    return [None if it.status else _rows(it.out) for it in answers]


def _rows(out: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b"\t") for line in out.split(b"\n") if line)
    return {key: value for key, _, value in pairs}
