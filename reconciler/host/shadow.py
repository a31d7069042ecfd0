"""A candidate tried without touching the live files: the real smtpd starts up on a shadow of the configuration.

`postconf -n` and `postfix check` pass most of what stops TLS or mail. smtpd's own start-up does not, but tells only the
log. The shadow therefore names a log service of its own: a socket of ours in the queue, where we read what is said.
`postfix check` is left out: it adds nothing to these two, takes ten times as long, and writes to the live log.

The shadow keeps the live queue: with a private one and no master(8) smtpd would wait for proxymap(8) for ever.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from reconciler.errors import CommandFailed, naming
from reconciler.frozen import dataclass
from reconciler.host import remains
from reconciler.host.command import Output, Running
from reconciler.host.owner import as_owner
from reconciler.host.programs import nothing
from reconciler.postfix import main_cf, master_cf
from reconciler.postfix.main_cf import Entry, MainCf

_LIMIT = timedelta(seconds=5)  # smtpd answers in 20 ms; a fatal error takes a second
_CHECK_LIMIT = timedelta(seconds=30)
_COLD = 4  # s
_SESSION = b"EHLO localhost\r\nQUIT\r\n"
_LINE = re.compile(r"^\S+ +\d+ \S+ \S+ [^ ]*?/?(\w+)\[\d+\]: (?=(?:fatal|error|warning|panic): )")
_OUTSIDE = ".outside"  # of the configuration directory
_COPY = ".with-options-"  # of the shadow, one for each set of options
_A_COPY = r"/\.with-options-\d+"
_OF_NO_CONSEQUENCE = re.compile(r"warning: loading \S+: ignoring PEM type: ")  # as ecparam writes
_NOT_TRIED = frozenset({b"smtpd_sasl_auth_enable"})  # whether Dovecot answers is for the proofs to say

StartUp = tuple[Running, socket.socket]  # a session with an smtpd, and where its log arrives


@dataclass(frozen=True, slots=True)
class Shadow:
    """A directory that looks like the configuration directory, but for the candidate's files."""

    directory: str
    queue_directory: str


@contextmanager
def shadow(config_directory: str, queue_directory: str, files: Mapping[str, bytes | str]) -> Iterator[Shadow]:
    """Lay a shadow out: `files` (absolute path to bytes, or to a path that holds them) over links to everything else.

    main.cf and master.cf name them by their place in the shadow, wherever they shall lie.
    """
    with remains.check_directory() as made:
        lay_out(made, config_directory, files)
        yield Shadow(made, queue_directory)


def lay_out(made: str, config_directory: str, files: Mapping[str, bytes | str], removed: Container[str] = ()) -> None:
    """Make of `made` what looks like the configuration directory with `files` in place; see `shadow`."""
    below = config_directory.rstrip("/") + "/"
    own = {path.removeprefix(below): content for path, content in files.items() if path.startswith(below)}
    _fill(Path(made), Path(config_directory), own, removed)
    outside = {path.lstrip("/"): content for path, content in files.items() if not path.startswith(below)}
    _fill(Path(made, _OUTSIDE), Path("/nonexistent"), outside, removed)
    places = {path: f"{made}/{path.removeprefix(below)}" for path in files if path.startswith(below)}
    places |= {f"/{path}": f"{made}/{_OUTSIDE}/{path}" for path in outside}
    for name in ("main.cf", "master.cf"):
        content = own[name] if name in own else (Path(config_directory) / name).read_bytes()
        (Path(made) / name).unlink()
        (Path(made) / name).write_bytes(_relocated(content, places) if isinstance(content, bytes) else b"")
        cool(Path(made) / name)


def place(made: str, config_directory: str, path: str) -> Path:
    """Where a file of the candidate lies in what `lay_out` made."""
    below = config_directory.rstrip("/") + "/"
    return Path(made, path.removeprefix(below)) if path.startswith(below) else Path(made, _OUTSIDE, path.lstrip("/"))


def _relocated(text: bytes, places: Mapping[str, str]) -> bytes:
    """The same configuration, with whole paths replaced."""
    for path, place in places.items():
        pattern = rb"(?<![\w./-])" + re.escape(path.encode()) + rb"(?![\w./-])"
        text = re.sub(pattern, lambda _, new=place: new.encode(), text)  # type: ignore[misc]
    return text


def _fill(into: Path, live: Path, own: Mapping[str, bytes | str], removed: Container[str]) -> None:
    """Link what is live, place what is ours; a directory is only made where something of ours lies in it."""
    into.mkdir(exist_ok=True)
    ours = {name.partition("/")[0] for name in own}
    for entry in live.iterdir() if live.is_dir() else ():
        if entry.name not in ours and not entry.name.startswith(".") and str(entry) not in removed:
            (into / entry.name).symlink_to(entry.resolve())
    for name in ours:
        inner = {path.removeprefix(f"{name}/"): content for path, content in own.items() if path.startswith(f"{name}/")}
        if inner:
            _fill(into / name, live / name, inner, removed)
            continue
        content = own[name]
        if isinstance(content, str):
            (into / name).symlink_to(content)
        else:
            (into / name).write_bytes(content)
            (into / name).chmod(0o600 if b"PRIVATE KEY" in content else 0o644)
            cool(into / name)


def cool(path: Path) -> None:
    """Set a file back in time: Postfix reads a younger main.cf again in pauses of 0.3 s."""
    past = time.time() - _COLD
    os.utime(path, (past, past))


def complaints(candidate: Shadow, *, running: bool, meanwhile: Callable[[], None] = nothing) -> tuple[str, ...]:
    """What Postfix's programs say against the shadow, each once, without times and process numbers.

    `meanwhile` is called while they are at work. Where the instance is not `running`, smtpd is not started: it would
    miss tlsmgr(8) and proxymap(8).
    """
    with ExitStack() as stack:
        begun = _begin(candidate, stack) if running else ()
        said = list(_unread(candidate, meanwhile))
        if not said:
            said = [line.replace(f"{candidate.directory}/{_OUTSIDE}", "") for line in _told(begun)]
    return tuple(dict.fromkeys(re.sub(_A_COPY, "", line).replace(candidate.directory, "CANDIDATE") for line in said))


def _unread(candidate: Shadow, meanwhile: Callable[[], None]) -> Iterator[str]:
    """What postconf cannot read; both files at the same time."""
    with ExitStack() as stack:
        asked = [("postconf", "-c", candidate.directory, what) for what in ("-n", "-M")]
        begun = [stack.enter_context(Running(argv, _CHECK_LIMIT)) for argv in asked]
        meanwhile()
        for program in begun:
            try:
                program.succeed()
            except CommandFailed as failed:
                yield str(failed)


def _begin(candidate: Shadow, stack: ExitStack) -> tuple[StartUp, ...]:
    """smtpd's start-up, for main.cf and for each set of options a listener runs it with, all at the same time."""
    master = master_cf.parse(Path(candidate.directory, "master.cf").read_bytes())
    main = main_cf.parse(Path(candidate.directory, "main.cf").read_bytes())
    variants = {tuple(sorted(it.overrides.items())): None for it in master.services if it.command == "smtpd"}
    return tuple(
        stack.enter_context(_started(candidate, number, _with_options(main, dict(overrides))))
        for number, overrides in enumerate(dict.fromkeys(((), *variants)))
    )


def _told(begun: Iterable[StartUp]) -> Iterator[str]:
    for session, log in begun:
        answer = _answer(session)
        lines = list(_received(log))
        yield from lines
        if not answer.stdout.startswith(b"220") and not lines:
            yield f"smtpd: gives no greeting ({answer.complaint or 'and no reason'})"


@contextmanager
def _started(candidate: Shadow, number: int, main: MainCf) -> Iterator[StartUp]:
    """A session with smtpd that runs with this main.cf, and where its log arrives."""
    copy = Path(candidate.directory, f"{_COPY}{number}")
    copy.mkdir()
    for entry in Path(candidate.directory).iterdir():
        if entry.name != "main.cf" and not entry.name.startswith("."):
            (copy / entry.name).symlink_to(entry)
    with _log_socket(candidate, number) as (name, log):
        (copy / "main.cf").write_bytes(_with_options(main, _own_log(candidate, name)).render())
        cool(copy / "main.cf")
        with Running(("sendmail", "-bs", "-C", str(copy)), _LIMIT, stdin=_SESSION) as session:
            yield session, log


def _answer(session: Running) -> Output:
    try:
        return session.finish()
    except CommandFailed as failed:
        return Output(b"", str(failed).encode(), 1)


def _own_log(candidate: Shadow, name: str) -> dict[str, str]:
    return {
        "postlog_service_name": name,
        "maillog_file": f"{candidate.directory}/check.log",
        "maillog_file_prefixes": candidate.directory,
        "syslog_name": "check",
        "queue_directory": candidate.queue_directory,
    }


def _with_options(main: MainCf, parameters: Mapping[str, str]) -> MainCf:
    """As smtpd would see it with these `-o`; where they stand in the file is nobody's concern."""
    tried = {name.encode(): value.encode("utf-8", "surrogateescape") for name, value in parameters.items()}
    tried = {name: value for name, value in tried.items() if name not in _NOT_TRIED}
    kept = (node.raw for node in main.nodes if not (isinstance(node, Entry) and node.name in tried))
    lines = (name + b" = " + value + b"\n" for name, value in tried.items())
    return main_cf.parse(b"".join((*kept, b"\n", *lines)))


@contextmanager
def _log_socket(candidate: Shadow, number: int) -> Iterator[tuple[str, socket.socket]]:
    name = f"{remains.check_name()}-{number}"
    path = Path(candidate.queue_directory, "public", name)
    with suppress(OSError), as_owner(path.parent):  # then it cannot be bound either
        path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        with as_owner(path.parent), naming(path):
            log.bind(str(path))
        try:
            path.chmod(0o666)
            log.setblocking(False)
            yield name, log
        finally:
            with suppress(OSError), as_owner(path.parent):  # it is swept away later
                path.unlink()


def _received(log: socket.socket) -> Iterator[str]:
    """The complaints among what smtpd logged, all of which has arrived once it has ended."""
    with suppress(BlockingIOError):
        while True:
            line = log.recv(1 << 16).decode("utf-8", "replace").rstrip("\n")
            found = _LINE.match(line)
            if found and not _OF_NO_CONSEQUENCE.match(line, found.end()):
                yield f"{found[1]}: {line[found.end() :]}"
