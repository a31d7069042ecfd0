"""Guarantees 4 and 5: a file system that is full, and one that loses its power."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.host.instance import PrivateInstance, workspace
from tests.apply.conftest import STATE, Site
from tests.faults.scene import MUTATING, NEW, counted

TYPES = ("hash", "btree", "lmdb", "cdb")
_ROOM = 24  # MiB
_GROWN = """\
enforce: all
certificates: {{default: {{chain_files: [tls/mx.pem], until_present: self_signed}}}}
incoming: {{security_level: may}}
outgoing:
  loglevel: 1
  policy_table: {kind}:tls_policy
  policies:
    bank.example: encrypt
{rows}"""


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, capture_output=True)


@contextmanager
def _mounted(options: tuple[str, ...], what: str | Path) -> Iterator[Path]:
    with workspace("reconciler-disk-") as directory:
        place = Path(directory, "mnt")
        place.mkdir()
        _run("mount", *options, what, place)
        try:
            place.chmod(0o755)
            yield place
        finally:
            _run("umount", "-l", place)


# --- full ---------------------------------------------------------------------------------------------------------


def _state(kind: str, rows: int) -> str:
    lines = "".join(f"    n{number}.example: encrypt\n" for number in range(rows))
    return _GROWN.format(kind=kind, rows=lines)


@contextmanager
def _small_disk(kind: str) -> Iterator[Site]:
    """A host whose configuration lies on a small file system, with a table of one row."""
    with _mounted(("-t", "tmpfs", "-o", f"size={_ROOM}m,mode=755"), "tmpfs") as place:
        instance = PrivateInstance.create(str(place), "mx1.test")
        site = Site(instance, place.parent / "state", place.parent / "memory")
        site.write(_state(kind, 0))
        instance.start()
        try:
            done = site.apply()
            assert done.returncode == 0, done.stderr
            yield site
        finally:
            instance.stop()


@contextmanager
def _filled(site: Site, free_kib: int) -> Iterator[None]:
    etc = Path(site.instance.config_directory)
    filler = etc.parent / "filler"
    filler.write_bytes(b"\0" * max(shutil.disk_usage(etc).free - free_kib * 1024, 0))
    try:
        yield
    finally:
        filler.unlink()


def full(kind: str, free_kib: int) -> str:
    """An apply of a table that does not fit: an error, everything unchanged, and the live table answers."""
    with _small_disk(kind) as site:
        before = site.contents()
        site.write(_state(kind, 4000))
        with _filled(site, free_kib):
            done = site.apply()
        if done.returncode != 1:
            return f"exit {done.returncode}: {done.stdout[-200:]}"
        site.recover()
        if site.contents() != before:
            return "something was changed"
        return _answers(site, kind)


def full_while_building(kind: str, free_kib: int) -> str:
    """postmap alone on a full disk, where `lmdb:` exits 0 without a word: an error all the same."""
    with _small_disk(kind) as site:
        machine, path = site.machine(), f"{site.instance.config_directory}/tls_policy"
        before = site.contents()
        rows = b"".join(b"n%d.example encrypt\n" % number for number in range(4000))
        with _filled(site, free_kib):
            try:
                machine.building(kind, path, rows, machine.read(path)).finish()
            except (ReconcilerError, OSError):
                pass
            else:
                return "no error"
        if site.contents() != before:
            return "something was changed"
        return _answers(site, kind)


def _answers(site: Site, kind: str) -> str:
    answer = site.instance.postfix.query(kind, f"{site.instance.config_directory}/tls_policy", "bank.example")
    return "" if answer == "encrypt" else f"the live table answers {answer!r}"


# --- without power ----------------------------------------------------------------------------------------------------

_HARSH = "loop,data=writeback,noauto_da_alloc"  # names get onto the disk before contents, unless somebody waits
_IMAGE = 40 << 20  # bytes
_NO_FSYNC = ("-e", "inject=fsync,fdatasync,sync_file_range:retval=0")


@dataclass
class Machine:
    """A host on a disk of its own, stopped: what stands on the disk is all that counts.

    `image` is the disk of the moment. Each is used once: what an old one is still written has no way into the next.
    """

    directory: Path
    image: Path
    mount: Path
    site: Site
    old: dict[str, bytes]

    def cut(self, call: str, number: int, *, fsync: bool) -> str:
        """Cut an apply at a system call, and go on from what the disk has at that moment: old, new, or what else."""
        self._restore()
        self.site.write(NEW)
        trace = f"trace={call},fsync,fdatasync,sync_file_range"
        inject = ("-e", f"inject={call}:signal=KILL:when={number}", *(() if fsync else _NO_FSYNC))
        self.site.apply(
            "--format", "json", "--skip-canary", before=("strace", "-qq", "-o", "/dev/null", "-e", trace, *inject)
        )
        self._journal_commits()
        self._insert(self._copy_of(self.image))
        return self._judged()

    def _copy_of(self, image: Path) -> Path:
        copy = self.directory / f"disk{time.monotonic_ns()}"
        shutil.copyfile(image, copy)
        return copy

    def _insert(self, image: Path) -> None:
        _run("umount", "-l", self.mount)
        _run("mount", "-o", _HARSH, image, self.mount)
        self.image.unlink()
        self.image = image

    def _journal_commits(self) -> None:
        """What ext4 does every five seconds: names become durable, whatever waits to be written into the files."""
        other = self.mount / "other"
        with other.open("wb") as file:
            file.write(b"x")
            file.flush()
            subprocess.run(("sync", str(other)), check=True)

    def _judged(self) -> str:
        """After the power is back: recovery, and the next apply, which leaves nothing behind."""
        try:
            self.site.recover()
            state = self._standing()
        except (ReconcilerError, OSError) as error:
            return f"damaged: {str(error)[:200]}"
        done = self.site.apply()
        if done.returncode:
            return f"{state}; the next apply: {done.stderr[-200:]}"
        left = [name for name in self.site.contents() if "reconciler" in name]
        return f"{state}; left over: {left}" if left or self._standing() != "new" else state

    def _standing(self) -> str:
        found = {name: content for name, content in self.site.contents().items() if ".reconciler-" not in name}
        if found == self.old:
            return "old"
        whole = b"smtp_tls_loglevel = 2" in found.get("main.cf", b"") and b"new.example" in found.get("tls_policy", b"")
        dump = self.site.instance.postfix.dump("hash", f"{self.site.instance.config_directory}/tls_policy")
        return "new" if whole and b"new.example" in dump else "neither"

    def _restore(self) -> None:
        self._insert(self._copy_of(self.directory / "clean"))


@contextmanager
def machine() -> Iterator[Machine]:
    """Raises CalledProcessError where this system has no loop device or no ext4."""
    with workspace("reconciler-power-") as name:
        directory = Path(name)
        image, mount = directory / "image", directory / "mnt"
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(_IMAGE)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        _run("mount", "-o", _HARSH, image, mount)
        try:
            mount.chmod(0o755)
            instance = PrivateInstance.create(str(mount), "mx1.test")
            site = Site(instance, directory / "state", mount / "memory")
            site.write(STATE)
            done = site.apply()
            assert done.returncode == 0, done.stderr
            old = site.contents()
            _run("sync", "-f", mount)
            _run("umount", mount)
            shutil.copyfile(image, directory / "clean")
            _run("mount", "-o", _HARSH, image, mount)
            yield Machine(directory, image, mount, site, old)
        finally:
            subprocess.run(("umount", "-l", mount), check=False, capture_output=True)


def calls_of(made: Machine) -> dict[str, int]:
    """The mutating system calls of an apply on that machine."""
    made._restore()
    made.site.write(NEW)
    trace = made.directory / "trace"
    done = made.site.apply(
        "--format", "json", "--skip-canary", before=("strace", "-qq", "-o", str(trace), "-e", f"trace={MUTATING}")
    )
    assert done.returncode == 0, done.stderr
    return counted(trace)
