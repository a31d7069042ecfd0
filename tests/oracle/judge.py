"""Postfix as the judge of our documents: what it says of a configuration, next to what we say.

Every answer comes from a real postconf or postmap on a scratch directory. A file younger than a second or two makes them
wait, so all are dated back.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

from reconciler import live
from reconciler.errors import HostUnreadable
from reconciler.host.programs import Facts, Postfix
from reconciler.live.config import LiveConfig
from reconciler.model.snapshot import FileState, HostSnapshot
from reconciler.postfix import catalogue, master_cf
from reconciler.postfix.effective import parse_defaults
from reconciler.postfix.expand import ExpansionFailed
from reconciler.postfix.master_cf import MasterCf, Service

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
LONG = bool(os.environ.get("LONG"))  # `make oracle` sets it
_OLD = 1_000_000_000
_PROBE = "probed_"
Key = TypeVar("Key")
Value = TypeVar("Value")
_RAW = frozenset(  # parameters that hold '$' for themselves (CONFIG_RAW_TABLE)
    {
        "default_rbl_reply", "command_execution_directory", "forward_path", "luser_relay", "mailbox_command",
        "postscreen_expansion_filter", "postscreen_reject_footer", "smtpd_expansion_filter", "smtpd_reject_footer",
    }
)  # fmt: skip
_TLS_PROGRAMS = frozenset({"smtpd", "smtp", "lmtp", "postscreen", "tlsproxy"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program of Postfix said."""

    status: int
    out: bytes
    err: bytes


def files(folder: str) -> list[Path]:
    """The files of the corpus of one kind; empty where there is no corpus."""
    return sorted(path for path in (CORPUS / folder).glob("*") if path.is_file())


@contextmanager
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reconciler-oracle-") as path:
        yield Path(path)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (_OLD, _OLD))


def ask(*argv: str | Path) -> Answer:
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def ask_all(commands: Iterable[tuple[str | Path, ...]]) -> list[Answer]:
    """Several programs at the same time."""
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for argv in commands]
    answers = []
    for program in running:
        out, err = program.communicate(timeout=60)
        answers.append(Answer(program.returncode, out, err))
    return answers


def postconf(main: bytes, master: bytes, *flags: str) -> Answer:
    with directory() as where:
        write(where / "main.cf", main)
        write(where / "master.cf", master)
        answer = ask("postconf", "-c", where, *flags)
        return Answer(answer.status, answer.out.replace(bytes(where), b"@DIR@"), answer.err)


def lines(out: bytes) -> dict[bytes, bytes]:
    """`name = value` lines as a mapping; what follows the first space behind the sign is the value."""
    pairs = (line.partition(b" =") for line in out.split(b"\n") if line)
    return {name: value.removeprefix(b" ") for name, _, value in pairs}


@cache
def facts() -> Facts:
    """The installed Postfix."""
    return Postfix("/nonexistent").facts()


@cache
def known() -> frozenset[str]:
    """The parameters that the installed Postfix has."""
    return frozenset(parse_defaults(facts().defaults))


@cache
def names() -> tuple[str, ...]:
    """The TLS and SASL parameters that the installed Postfix has."""
    return tuple(sorted(catalogue.parameters().keys() & known()))


def config(main: bytes, master: bytes, where: str = "@DIR@") -> LiveConfig:
    """What we make of the same two files.

    Raises HostUnreadable.
    """
    found = {f"{where}/main.cf": main, f"{where}/master.cf": master}
    return live.read(
        HostSnapshot(
            config_directory=where,
            files={path: FileState(content, 0o644, 0, 0, 0, path) for path, content in found.items()},
            now=datetime(2026, 11, 23, tzinfo=UTC),
            mail_version=facts().mail_version,
            defaults=facts().defaults,
            table_types=facts().table_types,
            sasl_server_types=facts().sasl_server_types,
            master_pid=None,
        )
    )


# --- the effective view -------------------------------------------------------------------------------------------

Effective = dict[tuple[str, str], str]  # (service/type, or empty for main.cf; parameter) → expanded value


def effective_by_postfix(main: bytes, master: bytes) -> Effective | str:
    """Every TLS parameter, expanded by Postfix as main.cf and each service has it; what it dies of, where it does.

    Each service gets an option `probed_NAME=$NAME` more for each parameter, so that one `postconf -P -x` tells all.
    """
    with directory() as where:
        write(where / "main.cf", main)
        write(where / "master.cf", with_probes(master_cf.parse(master)))
        both = ask_all([("postconf", "-c", where, "-x", *names()), ("postconf", "-c", where, "-P", "-x")])
        here = bytes(where)
    found: Effective = {}
    for answer in both:
        if answer.status:
            return _text(answer.err.replace(here, b"@DIR@"))
        for key, value in lines(answer.out.replace(here, b"@DIR@")).items():
            service, _, name = _text(key).rpartition("/")
            if not service or name.startswith(_PROBE):
                found[service, name.removeprefix(_PROBE)] = folded(_text(value))
    return found


def effective_by_us(main: bytes, master: bytes) -> Effective | str:
    """The same from our view; why not, where it cannot be had."""
    try:
        mine = config(main, master)
        for name in (mine.explicit.keys() & mine.defaults.keys()) - _RAW:
            mine.view.expand(mine.explicit[name])  # postconf -x stops over any, not only over those asked for
        found = {("", name): folded(mine.view.expand(mine.view.raw(name) or "")) for name in names()}
        for service in mine.master.services:
            view = mine.view_of(service)
            for text in service.overrides.values():
                view.expand(text)
            if _is_probed(service):
                where = f"{service.name}/{service.type}"
                found |= {(where, name): folded(view.expand(view.raw(name) or "")) for name in names()}
    except (HostUnreadable, ExpansionFailed) as error:
        return str(error)
    return found


def folded(text: str) -> str:
    """White space as postconf prints it: runs of it become one space."""
    return " ".join(word for word in re.split(r"[ \t\r\n]+", text) if word)


def with_probes(document: MasterCf) -> bytes:
    """master.cf with the probes, and `-oname=value` written apart, which postconf would misread."""
    raw = b""
    for node in document.nodes:
        if not isinstance(node, Service) or not _is_probed(node):
            raw += node.raw
            continue
        head = b" ".join(field.text for field in node.fields)
        options = b"".join(b"\n -o { %s = %s }" % (_raw(it.name), _raw(it.value)) for it in node.options)
        probes = "".join(f"\n -o {_PROBE}{name}=${name}" for name in names()).encode()
        raw += head + options + probes + b"\n"
    return raw


def _is_probed(service: Service) -> bool:
    return service.command in _TLS_PROGRAMS and all(it.startswith("-") for it in service.other_arguments)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def differences(ours: Mapping[Key, Value], theirs: Mapping[Key, Value]) -> dict[Key, tuple[Value | None, Value | None]]:
    """Where two answers differ: (ours, theirs)."""
    keys = [*ours, *(key for key in theirs if key not in ours)]
    return {key: (ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)}


# --- services -----------------------------------------------------------------------------------------------------


def as_postconf(service: Service) -> bytes:
    """A service as `postconf -M` prints it: every option as `-o name=value`, braces where there is white space."""
    options = {token.at: option for option in service.options for token in option.tokens[:1]}
    behind = {token.at for option in service.options for token in option.tokens[1:]}
    words = [field.text for field in service.fields]
    in_options, value_next = True, False
    for token in service.arguments:
        option = options.get(token.at)
        if option is not None:
            cluster = token.text.partition(b"o")[0]
            words += [cluster] if len(cluster) > 1 else []
            words += [b"-o", _braced(f"{option.name}={option.value}".encode("utf-8", "surrogateescape"))]
        elif token.at not in behind:
            text = master_cf.unbraced(token.text)
            is_option = value_next or (text.startswith(b"-") and text != b"--")
            words.append(_braced(text) if value_next or not in_options else text)  # not around the first that is none
            in_options = in_options and is_option
            value_next = in_options and not value_next and text == b"-o"  # one that names nothing
    return b" ".join(words)


def _braced(text: bytes) -> bytes:
    return b"{%s}" % text if re.search(rb"[ \t\r\n]", text) else text
