"""A host to break things on, again and again: a running Postfix, one state that it has and one that it shall have.

Between two breakages everything is put back as it was, byte for byte; the instance keeps running.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.host.instance import PrivateInstance, workspace
from reconciler.postfix import table
from tests.apply.conftest import STATE, Site

NEW = STATE.replace("loglevel: 1", "loglevel: 2").replace(
    "bank.example: encrypt", "bank.example: secure, new.example: encrypt"
)
LARGE_STATE = STATE.replace("policies: {bank.example: encrypt}", "policy_files: [policies/large.map]")
LARGE_NEW = LARGE_STATE.replace("loglevel: 1", "loglevel: 2")
LARGE_MAP = b"".join(b"d%d.a-rather-long-name.example encrypt\n" % number for number in range(30_000))
LARGE_MAP_NEW = LARGE_MAP.replace(b"d15000.", b"new.example encrypt\nd15000.")
MUTATING = (  # what changes files, or asks for it to be durable
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,"
    "fsync,fdatasync,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,setxattr,fsetxattr,lsetxattr,"
    "truncate,ftruncate,write,pwrite64,writev,pwritev,sendfile,copy_file_range,flock"
)
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


@dataclass(frozen=True)
class Scene:
    """`old` is the configuration directory before the change, `names` all that lies below it."""

    site: Site
    kept: Path
    old: dict[str, bytes]
    names: list[str]

    def reset(self) -> None:
        """Back to where it began: files with their times and modes, and an agent that remembers the old state.

        No name is ever missing: Postfix runs, and a postlogd that finds no main.cf is not started again for a minute.
        """
        etc = Path(self.site.instance.config_directory)
        kept = {path.name for path in (self.kept / "etc").iterdir()}
        for name in kept:
            aside = self.kept / "aside"
            _copy(self.kept / "etc" / name, aside)
            if aside.is_dir() or (etc / name).is_dir():
                _remove(etc / name)
            aside.rename(etc / name)
        for path in etc.iterdir():
            if path.name not in kept:
                _remove(path)
        shutil.rmtree(self.site.memory, ignore_errors=True)
        shutil.copytree(self.kept / "memory", self.site.memory)
        self.declare_new()

    def declare_old(self) -> None:
        self.site.write(STATE)

    def declare_new(self) -> None:
        self.site.write(NEW)

    def apply(self, *strace: str) -> subprocess.CompletedProcess[str]:
        before = ("strace", "-qq", "-o", "/dev/null", *strace) if strace else ()
        return self.site.apply("--format", "json", "--skip-canary", before=before)

    def calls(self) -> dict[str, int]:
        """How often each mutating system call is made by an apply that nobody disturbs."""
        self.reset()
        trace = self.kept / "trace"
        argv = ("strace", "-qq", "-o", str(trace), "-e", f"trace={MUTATING}")
        done = self.site.apply("--format", "json", "--skip-canary", before=argv)
        assert done.returncode == 0, done.stderr
        return counted(trace)

    def standing(self) -> str:
        """`old`, `new`, or what is neither."""
        found = {name: content for name, content in self.site.contents().items() if name not in self.left()}
        if found == self.old:
            return "old"
        main = found.get("main.cf", b"")
        policy = found.get("tls_policy", b"")
        if b"smtp_tls_loglevel = 2" in main and b"new.example" in policy and self._compiled():
            return "new"
        return f"neither: {sorted(name for name in found.keys() | self.old.keys() if found.get(name) != self.old.get(name))}"

    def _compiled(self) -> bool:
        etc = self.site.instance.config_directory
        lines = self.site.instance.postfix.dump("hash", f"{etc}/tls_policy").splitlines()
        rows = table.parse(Path(etc, "tls_policy").read_bytes()).rows
        return sorted(lines) == sorted(b"%s\t%s" % (key, row.value) for key, row in rows.items())

    def left(self) -> list[str]:
        """What waits aside, or waited, below the configuration directory."""
        return [name for name in self.site.names() if "reconciler" in name or name.endswith((".tmp", "-old"))]

    def wrong(self) -> str:
        """After recovery: what breaks the promise, or nothing."""
        self.site.recover()
        state = self.standing()
        if state not in ("old", "new"):
            return state
        if self.left():
            return f"left over: {self.left()}"
        if self.site.recover() is not None:
            return "a second recovery had something to do"
        if self.site.instance.pid is None:
            return "Postfix does not run"
        self.site.serves()
        return ""


class Large(Scene):
    """A table of 30,000 rows, of which one is to come: it is put in a copy of what is there."""

    def reset(self) -> None:
        super().reset()
        self._remember_the_copies()

    def standing(self) -> str:
        """What postmap made is made anew where it goes back: the same rows, perhaps on other pages."""
        state = super().standing()
        return "old" if state == "neither: ['tls_policy.db']" and self._compiled() else state

    def declare_old(self) -> None:
        self.site.write(LARGE_STATE)
        (self.site.repo / "policies/large.map").write_bytes(LARGE_MAP)

    def declare_new(self) -> None:
        self.site.write(LARGE_NEW)
        (self.site.repo / "policies/large.map").write_bytes(LARGE_MAP_NEW)

    def _remember_the_copies(self) -> None:
        """The record knows large files by their inodes, and these are others now."""
        (record,) = self.site.memory.glob("*/last-applied.json")
        said = json.loads(record.read_bytes())
        (mirror,) = (mirror for _, mirror in said["mirrors"])
        for name, path in (("source", "tls_policy"), ("compiled", "tls_policy.db")):
            about = Path(self.site.instance.config_directory, path).stat()
            mirror[name] = f"inode:{about.st_ino}:{about.st_mtime_ns}"
        record.write_text(json.dumps(said))


def counted(trace: Path) -> dict[str, int]:
    """System calls in a trace, by name."""
    return Counter(line.partition("(")[0] for line in trace.read_text(errors="replace").splitlines() if "(" in line)


@contextmanager
def scene(kind: type[Scene] = Scene) -> Iterator[Scene]:
    """A host that has the old state; another is declared."""
    with ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(workspace("reconciler-faults-")))
        instance = PrivateInstance.create(str(directory), "mx1.test")
        cleanup.callback(instance.stop)
        instance.start()
        site = Site(instance, directory / "state", directory / "memory")
        kept = directory / "kept"
        kept.mkdir()
        (site.repo / "policies").mkdir(parents=True)
        kind(site, kept, {}, []).declare_old()
        done = site.apply("--skip-canary")
        assert done.returncode == 0, done.stderr
        _copy(Path(instance.config_directory), kept / "etc")
        shutil.copytree(site.memory, kept / "memory")
        made = kind(site, kept, site.contents(), site.names())
        made.reset()
        yield made


def _copy(source: Path, target: Path) -> None:
    subprocess.run(("cp", "-a", str(source), str(target)), check=True)


def _remove(path: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        os.unlink(path)
