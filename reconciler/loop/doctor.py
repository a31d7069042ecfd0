"""A look at this host before the first run: is everything there, and as it has to be? Nothing is written."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from reconciler import live
from reconciler.errors import HostUnreadable, ReconcilerError
from reconciler.frozen import dataclass
from reconciler.host import obstacles, others, packages, resolver, snapshot, surroundings
from reconciler.live.config import LiveConfig
from reconciler.loop import readable
from reconciler.loop.look import own_name
from reconciler.loop.place import Where
from reconciler.loop.recover import memory_of
from reconciler.model.checkup import Checked, Verdict
from reconciler.settings.model import Settings
from reconciler.settings.trust import Signatures

_OLDEST = (3, 4)  # smtpd_tls_chain_files
_SPACE = 64 << 20  # bytes: tables and their copies, journals, events
_STICKY = 0o1000
_UNSYNC, _TIMEX_BYTES = 5, 512  # TIME_ERROR; more than struct timex has
_SELINUX = "/sys/fs/selinux/enforce"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at. `root` is where the traces of others are looked for, `file` where the settings stand."""

    where: Where
    settings: Settings
    root: str = "/"
    file: str = ""
    users: readable.Users = field(default_factory=readable.Users)


def examine(subject: Subject) -> Iterator[Checked]:
    """Every check in the order in which a person would put things right."""
    for check in _CHECKS:
        try:
            yield from check(subject)
        except (ReconcilerError, OSError) as error:
            yield Checked(check.__name__.strip("_"), Verdict.FAILURE, str(error))


def _good(subject: str, evidence: str) -> Checked:
    return Checked(subject, Verdict.GOOD, evidence)


def _user(_: Subject) -> Iterator[Checked]:
    if os.geteuid() == 0:
        yield _good("user", "root")
    else:
        yield Checked("user", Verdict.FAILURE, f"uid {os.geteuid()}", "run it as root, who owns Postfix's files")


def _postfix(subject: Subject) -> Iterator[Checked]:
    config = _live(subject)
    version = config.snapshot.mail_version
    if config.version < _OLDEST:
        yield Checked("postfix", Verdict.FAILURE, f"version {version}", "3.4 or later has what is written here")
    else:
        yield _good("postfix", f"version {version}, {config.snapshot.config_directory}")
    pid = config.snapshot.master_pid
    if pid is None:
        yield Checked("running", Verdict.WARNING, "master(8) does not run", "start it; without it nothing is proved")
    else:
        yield _good("running", f"master(8) is process {pid}")
    try:
        yield _good("name", subject.where.host or own_name(config))
    except HostUnreadable as error:
        yield Checked("name", Verdict.FAILURE, str(error), "set myhostname, or instance.host in the settings")


def _live(subject: Subject) -> LiveConfig:
    return live.read(snapshot.take(os.path.abspath(subject.where.config_directory), now=datetime.now(UTC)))  # noqa: PTH100


def _paths(subject: Subject) -> Iterator[Checked]:
    directory = os.path.abspath(subject.where.config_directory)  # noqa: PTH100
    wrong = []
    for name in ("main.cf", "master.cf"):
        path = f"{directory}/{name}"
        try:
            obstacles.refuse(path, os.path.realpath(path))
        except obstacles.Obstacle as obstacle:
            wrong.append(f"{path}: {obstacle}")
    for path, about in surroundings.look((directory,)).items():
        if about.mode & 0o002 and not about.mode & _STICKY:
            wrong.append(f"{path}: everybody may write there; chmod o-w {path}")
    if wrong:
        yield Checked("paths", Verdict.FAILURE, "; ".join(wrong), "without this no file there is replaced")
    else:
        yield _good("paths", f"{directory} can be written safely")


def _state(subject: Subject) -> Iterator[Checked]:
    path = Path(subject.where.state_directory)
    if not path.exists():
        yield _good("state", f"{path} will be made, 0700")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if not path.is_dir() or mode & 0o022:
        yield Checked("state", Verdict.FAILURE, f"{path} is {mode:04o}", f"chmod 0700 {path}")
        return
    record = memory_of(subject.where).record
    yield _good("state", f"{path} is {mode:04o}, " + ("in use" if record.exists() else "empty"))


def _space(subject: Subject) -> Iterator[Checked]:
    for path in (subject.where.config_directory, subject.where.state_directory):
        there = Path(path)
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        if free < _SPACE:
            text = f"{free >> 20} MiB free at {there}"
            yield Checked("space", Verdict.FAILURE, text, f"make room: {_SPACE >> 20} MiB, more with large tables")
            return
    yield _good("space", "enough for tables, their copies and the journal")


def _trust(subject: Subject) -> Iterator[Checked]:
    trust = subject.settings.trust
    match trust.signatures:
        case None:
            fix = 'trust.signatures = "required" and trust.allowed_signers; or "off", where that is meant'
            yield Checked("signatures", Verdict.FAILURE, "nothing says who may sign", fix)
        case Signatures.OFF:
            text = "off: whoever may push decides what this host does"
            yield Checked("signatures", Verdict.WARNING, text, "docs/security.md tells what signatures keep out")
        case _:
            yield from _roots(trust.signatures, (trust.allowed_signers, trust.revoked_keys, trust.gpg_keyring))


def _roots(signatures: Signatures, paths: tuple[str, ...]) -> Iterator[Checked]:
    for path in filter(None, paths):
        try:
            about = Path(path).stat()
        except OSError as error:
            yield Checked("signatures", Verdict.FAILURE, f"{path}: {error.strerror}", "put the keys there")
            continue
        if about.st_uid != 0 or about.st_mode & 0o022:
            text = f"{path}: uid {about.st_uid}, mode {stat.S_IMODE(about.st_mode):04o}"
            yield Checked("signatures", Verdict.FAILURE, text, f"chown root {path}; chmod go-w {path}")
            continue
        yield _good("signatures", f"{signatures.value}, rooted in {path}")


def _source(subject: Subject) -> Iterator[Checked]:
    source = subject.settings.source
    if not source.url:
        yield Checked("source", Verdict.FAILURE, "source.url is empty", "name the state repository in the settings")
        return
    if shutil.which("git") is None:
        yield Checked("source", Verdict.FAILURE, "git is not installed", "apt-get install git")
        return
    for path in filter(None, (source.deploy_key, source.credentials_file)):
        try:
            mode = stat.S_IMODE(Path(path).stat().st_mode)
        except OSError as error:
            yield Checked("source", Verdict.FAILURE, f"{path}: {error.strerror}", "put the key there, 0600")
            return
        if mode & 0o077:
            yield Checked("source", Verdict.FAILURE, f"{path} is {mode:04o}", f"chmod 0600 {path}")
            return
    yield _good("source", "a URL, and what it takes to read it")


def _store(subject: Subject) -> Iterator[Checked]:
    url = subject.settings.store.url
    if url is None:
        yield _good("store", "SQLite, in the state directory")
        return
    from reconciler.record import connection  # noqa: PLC0415 - SQLAlchemy, for who names a store

    try:
        connection.refuse(url.get_secret_value())
    except connection.StoreUnavailable as error:
        text, _, fix = str(error).partition("; ")
        yield Checked("store", Verdict.FAILURE, text, fix)
    else:
        yield _good("store", "store.url names one that can be opened from here")


def _halves(subject: Subject) -> Iterator[Checked]:
    yield from readable.look(subject.file, subject.settings, subject.users)


def _selinux(_: Subject) -> Iterator[Checked]:
    try:
        enforcing = Path(_SELINUX).read_text(encoding="ascii").strip() == "1"
    except OSError:
        yield _good("selinux", "not in use")
        return
    if enforcing:
        text = "a file keeps the label of what it replaces, a new one takes its directory's"
        yield Checked("selinux", Verdict.WARNING, f"enforcing: {text}", "read `ausearch -m avc` after the first apply")
    else:
        yield _good("selinux", "permissive")


def _resolver(_: Subject) -> Iterator[Checked]:
    found = resolver.look()
    if found.validates is None:
        text = f"{found.address or 'no name server'} does not answer"
        yield Checked("resolver", Verdict.WARNING, text, "without one there is no DANE, and no host name is proved")
    elif not found.validates:
        text = f"{found.address} does not validate DNSSEC: `dane` would be opportunistic TLS"
        yield Checked("resolver", Verdict.WARNING, text, "apt-get install unbound, and nameserver 127.0.0.1")
    elif not found.is_local:
        text = f"{found.address} validates, and who is on the way to it can claim so"
        yield Checked("resolver", Verdict.WARNING, text, "let a resolver on this host validate")
    else:
        yield _good("resolver", f"{found.address} validates DNSSEC")


def _clock(_: Subject) -> Iterator[Checked]:
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.byref(ctypes.create_string_buffer(_TIMEX_BYTES)))
    now = datetime.now(UTC)
    if state == _UNSYNC:
        text = f"{now:%Y-%m-%d %H:%M} UTC, and nothing keeps it right as far as the kernel knows"
        yield Checked("clock", Verdict.WARNING, text, "apt-get install chrony; certificates are judged by the clock")
    else:
        yield _good("clock", f"{now:%Y-%m-%d %H:%M} UTC, kept by a time service")


def _others(subject: Subject) -> Iterator[Checked]:
    found = list(others.traces(subject.where.config_directory, subject.root))
    if found:
        fix = "take from them what is declared here: two that write the same address fight"
        yield Checked("others", Verdict.WARNING, "; ".join(found), fix)
    else:
        yield _good("others", "no other manager is seen at work")


def _packages(_: Subject) -> Iterator[Checked]:
    busy = packages.at_work()
    if busy is not None:
        yield Checked("packages", Verdict.WARNING, str(busy), "the agent waits for it")
    else:
        yield _good("packages", "no package manager is at work")


def _trigger(subject: Subject) -> Iterator[Checked]:
    path = subject.settings.agent.trigger_file
    if not path:
        yield Checked("trigger", Verdict.WARNING, "agent.trigger_file is empty", "then only the clock wakes the agent")
    elif not Path(path).parent.is_dir():
        fix = "reconciler install-units, then systemd-tmpfiles --create"
        yield Checked("trigger", Verdict.WARNING, f"{Path(path).parent} is not there", fix)
    else:
        yield _good("trigger", path)


_CHECKS: tuple[Callable[[Subject], Iterator[Checked]], ...] = (
    _user, _postfix, _paths, _state, _space, _source, _trust, _halves, _store, _selinux, _resolver, _clock, _others,
    _packages, _trigger,
)  # fmt: skip
