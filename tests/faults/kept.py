"""Guarantees 8, 9, 10, 12, 13 and 15: what an apply keeps, how little it does, and how fast harm that got in is out again."""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import RolledBack
from tests.apply.conftest import STATE
from tests.faults.scene import Scene

_BACK_WITHIN, _SERVED_WITHIN = 5.0, 10.0  # s
_OFTEN = 0.005  # s
_ACL = "system.posix_acl_access"
_EVERYBODY = 0xFFFFFFFF
_ENTRIES = ((1, 6, _EVERYBODY), (2, 4, 65534), (4, 4, _EVERYBODY), (0x10, 6, _EVERYBODY), (0x20, 4, _EVERYBODY))


# --- (8) who owns a file, and what it is ----------------------------------------------------------------------------


def _symbolic_link(path: Path) -> None:
    path.rename(path.with_name(f"real-{path.name}"))
    path.symlink_to(f"real-{path.name}")


def _acl(path: Path) -> None:
    entries = b"".join(struct.pack("<HHI", *entry) for entry in _ENTRIES)
    os.setxattr(path, _ACL, struct.pack("<I", 2) + entries)  # linux/posix_acl_xattr.h


ATTRIBUTES: dict[str, Callable[[Path], None]] = {
    "owner": lambda path: os.chown(path, 0, 12),
    "mode": lambda path: path.chmod(0o640),
    "attribute": lambda path: os.setxattr(path, "user.note", b"kept"),
    "ACL": _acl,
    "symbolic link": _symbolic_link,
}


def _about(path: Path) -> tuple[object, ...]:
    about = path.stat()
    link = path.readlink() if path.is_symlink() else None
    return (
        link,
        about.st_uid,
        about.st_gid,
        about.st_mode,
        {name: os.getxattr(path, name) for name in os.listxattr(path)},
    )


def kept(made: Scene, attribute: str, name: str) -> str:
    """A file changes; what is not its content stays. A compiled table is its source's owner's, with the source's mode."""
    made.reset()
    path = Path(made.site.instance.config_directory, name)
    try:
        for it in dict.fromkeys((path.with_name(name.removesuffix(".db")), path)):
            ATTRIBUTES[attribute](it)
    except OSError as error:
        return f"cannot be made here: {error}"
    before, content = _about(path), path.read_bytes()
    done = made.apply()
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stdout[-200:]}"
    if path.read_bytes() == content:
        return "the file did not change: nothing was shown"
    return "" if _about(path) == before else f"{before} became {_about(path)}"


# --- (9) nothing to do is nothing done ------------------------------------------------------------------------------


def _traces(made: Scene) -> dict[str, tuple[int, int, int]]:
    """Everything below the configuration and the memory: what was written to, put in place or touched has other numbers."""
    roots = (Path(made.site.instance.config_directory), made.site.memory)
    about = {path: path.lstat() for root in roots for path in (root, *root.rglob("*"))}
    return {str(path): (it.st_ino, it.st_mtime_ns, it.st_ctime_ns) for path, it in about.items()}


def again(made: Scene, form: str) -> str:
    """After an apply a second one writes nothing and reloads nothing."""
    made.reset()
    done = made.apply()
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stdout[-200:]}"
    before, mark = _traces(made), made.site.instance.mark()
    made.site.apply("--format", form)
    after = _traces(made)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if changed:
        return f"written to: {changed}"
    return "reloaded" if "reload" in made.site.instance.log_since(mark) else ""


# --- (10) reloads under load ----------------------------------------------------------------------------------------


@dataclass
class _Sessions:
    """TLS sessions, one after the other, until it is ended."""

    port: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while not self.ended.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as session:
                    session.starttls(context=context)
                    session.ehlo()
                self.done += 1
            except (OSError, smtplib.SMTPException) as error:
                self.failed.append(repr(error))


@contextmanager
def _under_load(made: Scene) -> Iterator[list[_Sessions]]:
    several = [_Sessions(made.site.instance.smtpd_port) for _ in range(2)]
    threads = [threading.Thread(target=it.run) for it in several]
    for thread in threads:
        thread.start()
    try:
        yield several
    finally:
        for it, thread in zip(several, threads, strict=True):
            it.ended.set()
            thread.join()


def loaded(made: Scene) -> str:
    """An apply that reloads while sessions come and go: none fails, and there is one reload."""
    made.reset()
    made.site.instance.reload()
    mark = made.site.instance.mark()
    with _under_load(made) as several:
        done = made.apply()
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stdout[-200:]}"
    if failed := [why for it in several for why in it.failed]:
        return f"sessions failed: {failed}"
    if not all(it.done for it in several):
        return "there was no session: nothing was shown"
    reloads = made.site.instance.log_since(mark).count("reload --")
    return "" if reloads == 1 else f"{reloads} reloads"


# --- (12) new listeners ---------------------------------------------------------------------------------------------

LISTENERS = ("a port that is taken", "a name that is none", "an address of another host")


def listened(made: Scene, what: str) -> str:
    """Where a new service cannot listen is refused before anything is written."""
    made.reset()
    before = made.site.contents()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = {
            "a port that is taken": f"127.0.0.1:{taken.getsockname()[1]}",
            "a name that is none": "nosuch.invalid:10587",
            "an address of another host": "192.0.2.1:10587",
        }[what]
        made.site.write(f'{STATE}submission: {{listen: "{place}", sasl: {{type: cyrus, path: smtpd}}}}\n')
        done = made.apply()
    if done.returncode != 1 or place.partition(":")[0] not in done.stdout + done.stderr:
        return f"exit {done.returncode}: {(done.stdout + done.stderr)[-200:]}"
    return "" if made.site.contents() == before else "something was written"


# --- (13) harm that only shows after the commit ---------------------------------------------------------------------

HARMS = {
    "no TLS any more": b"smtpd_tls_chain_files = /nonexistent.pem\n",
    "a service that is throttled": b"smtpd_helo_required = maybe\n",
    "no cipher is left": b"smtpd_tls_exclude_ciphers = ALL\nsmtpd_tls_protocols = TLSv1.2\n",
}


@dataclass
class _Watched:
    """How long something stood in a file, in seconds."""

    path: Path
    text: bytes
    since: float = 0
    until: float = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.ended.wait(_OFTEN):
            stands = self.text in self.path.read_bytes()
            if stands:
                self.since = self.since or time.monotonic()
            elif self.since and not self.until:
                self.until = time.monotonic()


def taken_back(made: Scene, harm: str) -> str:
    """The old configuration is back within 5 s of the commit, the service within 10 s."""
    made.reset()
    made.site.instance.reload()
    watched = _Watched(made.site.main_cf, HARMS[harm])
    thread = threading.Thread(target=watched.run)
    transaction = made.site.breaking(HARMS[harm])
    thread.start()
    try:
        transaction.execute()
    except RolledBack:
        made.site.serves()
        served = time.monotonic()
    else:
        return "it was not taken back"
    finally:
        watched.ended.set()
        thread.join()
    if not watched.since or made.standing() != "old":
        return f"the harm was never live, or is still: {made.standing()}"
    back, served = watched.until - watched.since, served - watched.since
    return (
        "" if back <= _BACK_WITHIN and served <= _SERVED_WITHIN else f"back in {back:.1f} s, served in {served:.1f} s"
    )


# --- (15) a postmap that does not do what it says -------------------------------------------------------------------

_REAL = "/usr/sbin/postmap"
_POSTMAP = """\
#!/bin/sh
# exits 0 and leaves a table that is not its source
for last; do :; done
case "$*" in *" -"[sqid]*) exec {postmap} "$@";; esac
source=${{last#*:}}
cp -p "$source" "$source.whole"
sed -i '{edit}' "$source"
{postmap} "$@"
status=$?
cat "$source.whole" > "$source"
rm "$source.whole"
exit $status
"""
LIES = {"a row is lost": "$ d", "a value is another": "$ s/encrypt/none/", "there are no rows": "d"}


def read_back(made: Scene, lie: str, kind: str) -> str:
    """Every table is read back: one that is not its source is not put in place."""
    made.reset()
    before = made.site.contents()
    policies = f"policy_table: {kind}:tls_policy, policies: {{bank.example: encrypt, new.example: encrypt}}"
    made.site.write(STATE.replace("policies: {bank.example: encrypt}", policies))
    programs = made.kept / "programs"
    programs.mkdir(exist_ok=True)
    shutil.copy(_REAL, programs / "real")
    (programs / "postmap").write_text(_POSTMAP.format(postmap=programs / "real", edit=LIES[lie]))
    (programs / "postmap").chmod(0o755)
    instead = f'mount --bind {programs}/postmap {_REAL} && exec "$@"'
    done = made.site.apply("--skip-canary", before=("unshare", "-m", "sh", "-c", instead, "sh"))
    if "unshare:" in done.stderr:
        return f"cannot be made here: {done.stderr}"
    if done.returncode != 1 or "tls_policy" not in done.stderr:
        return f"exit {done.returncode}: {(done.stdout + done.stderr)[-300:]}"
    return "" if made.site.contents() == before else "something was put in place"
