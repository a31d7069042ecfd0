"""Files read, and their next versions written beside them, with owner, mode and attributes, durable before visible.

Nothing here is written in place, and no symbolic link is replaced: what it points to is. `swap` puts them in place.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.errors import HostUnreadable, ReconcilerError
from reconciler.frozen import dataclass, replace
from reconciler.host import obstacles
from reconciler.model.journal import UNREAD, Fingerprint
from reconciler.model.snapshot import FileState

SIZE_LIMIT = 256 << 20  # bytes; a table of five million rows
_STAGED, _SCRATCH = ".reconciler-new", ".reconciler-build"
_PIECE = 1 << 20  # bytes
_ACL = "system.posix_acl_access"
_UNREAD = 1 << 20  # bytes; of larger files the inode, its size and its time tell that they are the same
_PER_INODE = frozenset({"security.evm", "security.ima"})  # signed over this very file: the kernel makes them anew
_SET_BACK = 3 * 10**9  # ns; Postfix re-reads a younger main.cf in pauses of 0.3 s
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_ADVICE = {
    errno.EACCES: "not permitted; run as root",
    errno.EPERM: "refused by the kernel; look for `chattr +i` on it or its directory, or run as root",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space left on the file system",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOENT: "its directory does not exist; make it first",
    errno.ENOTDIR: "its path leads through something that is no directory",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.EBUSY: "it is a mount point of its own; mount its directory instead",
    errno.EISDIR: "it is a directory",
}


class HostUnwritable(ReconcilerError):
    """A file cannot be replaced safely; nothing was changed."""

    reason = "HostUnwritable"


def read(path: str) -> FileState | None:
    """The file as it is now, through every symbolic link; None where there is none.

    Raises HostUnreadable for what is no regular file, is over SIZE_LIMIT, or may not be read.
    """
    try:
        target = posixpath.realpath(path, strict=True)
        descriptor = os.open(target, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostUnreadable(f"{path}: {_say(error)}") from error
    try:
        about = os.fstat(descriptor)
        _refuse_unreadable(path, about)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(SIZE_LIMIT + 1)
        attributes = _attributes(descriptor)
    except OSError as error:
        raise HostUnreadable(f"{path}: {_say(error)}") from error
    finally:
        os.close(descriptor)
    mode = stat.S_IMODE(about.st_mode)
    return FileState(content, mode, about.st_uid, about.st_gid, about.st_mtime_ns, target, attributes)


def fingerprint(target: str) -> Fingerprint | None:
    """What makes this file the same file, read piece by piece; None where there is none. No symbolic link is followed.

    A large file is not read: whoever writes it gives it another time, whoever replaces it another inode.

    Raises HostUnreadable for what is no regular file, or may not be read.
    """
    try:
        descriptor = os.open(target, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostUnreadable(f"{target}: {_say(error)}") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise HostUnreadable(f"{target}: not a regular file")
        said = _mark(about) if about.st_size > _UNREAD else _digest(descriptor)
        mode = stat.S_IMODE(about.st_mode)
        xattrs = _attributes(descriptor)
    except OSError as error:
        raise HostUnreadable(f"{target}: {_say(error)}") from error
    finally:
        os.close(descriptor)
    return Fingerprint(said, about.st_size, mode, about.st_uid, about.st_gid, xattrs, inode=about.st_ino)


def _mark(about: os.stat_result) -> str:
    return f"{UNREAD}{about.st_ino}:{about.st_mtime_ns}"


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    while piece := os.read(descriptor, _PIECE):
        digest.update(piece)
    return digest.hexdigest()


def mark(path: str, *, above: int = _UNREAD) -> str:
    """What tells a file `above` so many bytes from a later version, through every symbolic link; of others nothing."""
    try:
        about = os.stat(path)  # noqa: PTH116 - beside fstat
    except OSError:
        return ""
    return _mark(about) if about.st_size > above and stat.S_ISREG(about.st_mode) else ""


def exists(path: str) -> bool:
    """Whether anything has this name."""
    return os.path.lexists(path)


@dataclass(frozen=True, slots=True)
class OpenText:
    """An open file, read where it is asked. Raises OSError."""

    descriptor: int
    begin: int = 0  # where the text begins in it

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size - self.begin

    @property
    def mark(self) -> str:
        return _mark(os.fstat(self.descriptor))

    def piece(self, start: int, end: int) -> bytes:
        return os.pread(self.descriptor, end - start, self.begin + start)

    def find(self, what: bytes, start: int, end: int) -> int:
        at = start
        while at < end:
            piece = self.piece(at, min(at + _PIECE, end))
            found = piece.find(what)
            if found >= 0:
                return at + found
            if at + len(piece) >= end or not piece:
                return -1
            at += len(piece) - len(what) + 1
        return -1

    def state(self, path: str, content: bytes) -> FileState:
        """The file's facts, with some of its content."""
        about = os.fstat(self.descriptor)
        mode, attributes = stat.S_IMODE(about.st_mode), _attributes(self.descriptor)
        return FileState(
            content, mode, about.st_uid, about.st_gid, about.st_mtime_ns, posixpath.realpath(path), attributes
        )


@contextmanager
def opened(path: str, begin: int = 0) -> Iterator[OpenText]:
    """A file to be read in pieces, through every symbolic link. Raises OSError."""
    descriptor = os.open(posixpath.realpath(path, strict=True), _READ)
    try:
        yield OpenText(descriptor, begin)
    finally:
        os.close(descriptor)


def read_joined(paths: Sequence[str]) -> FileState | None:
    """Several files as one, with a line feed between as `postmap -F` joins them; None where one is missing.

    The facts beside the content are those of the first, which holds the key. Raises HostUnreadable.
    """
    states = [state for path in paths if (state := read(path)) is not None]
    if len(states) < len(paths):
        return None
    return replace(states[0], content=b"\n".join(state.content for state in states))


def _refuse_unreadable(path: str, about: os.stat_result) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise HostUnreadable(f"{path}: a directory; name a file in it")
    if not stat.S_ISREG(about.st_mode):
        raise HostUnreadable(f"{path}: not a regular file")
    if about.st_size > SIZE_LIMIT:
        raise HostUnreadable(f"{path}: {about.st_size} bytes; this program reads up to {SIZE_LIMIT}")


def staging_path(path: str) -> str:
    """Where the next version of a file waits: beside what the path leads to."""
    return _beside(path, _STAGED)


def scratch_path(path: str) -> str:
    """The directory beside a file in which a table is built."""
    return _beside(path, _SCRATCH)


def _beside(path: str, suffix: str) -> str:
    directory, name = posixpath.split(posixpath.realpath(path))
    return f"{directory}/.{name}{suffix}"


def stage(
    path: str, content: bytes, like: FileState | None, *, mode: int, uid: int | None = None, gid: int | None = None
) -> str:
    """Write the next version of a file beside it, complete and on the disk; gives its path.

    Owner and mode are those of `like`, extended attributes (ACLs among them) those of the standing file; `mode`, `uid`
    and `gid` (default: ours) are for new files. What a crashed run left there is removed.

    Raises HostUnwritable where the file could not be swapped safely: a hard link, a mount point, immutable, read-only,
    no space, behind a directory that everybody may write.
    """
    staged = staging_path(path)
    standing = posixpath.realpath(path)
    with typed(path):
        obstacles.refuse(path, standing)
        if like is not None:
            mode, uid, gid = like.mode, like.uid, like.gid
        discard(staged)
        descriptor = os.open(staged, _CREATE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                own(file.fileno(), mode, uid, gid)
                dress(file.fileno(), like.xattrs if like else {})
                os.fsync(file.fileno())
        except BaseException:
            discard(staged)
            raise
    return staged


def own(descriptor: int, mode: int, uid: int | None, gid: int | None) -> None:
    """Owner first, for it clears set-id bits."""
    os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
    os.fchmod(descriptor, mode)


def dress(descriptor: int, attributes: Mapping[str, bytes]) -> None:
    """Attributes behind the mode, for an ACL carries its group bits; one that the directory gave goes."""
    for name in _attributes(descriptor).keys() - attributes.keys():
        if name == _ACL:
            os.removexattr(descriptor, name)
    for name, value in attributes.items():
        os.setxattr(descriptor, name, value)
    set_back(descriptor)


def _attributes(file: int | str) -> dict[str, bytes]:
    try:
        names = sorted(os.listxattr(file))
        return {name: os.getxattr(file, name) for name in names if name not in _PER_INODE}
    except FileNotFoundError:
        return {}
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise


def set_back(file: int | str) -> None:
    """Let a file look old enough that Postfix does not take it for one being written."""
    past = time.time_ns() - _SET_BACK
    os.utime(file, ns=(past, past))


def discard(staged: str) -> None:
    """Remove a staged file that was not committed."""
    Path(staged).unlink(missing_ok=True)


def copy(path: str, into: str) -> None:
    """Copy a file's bytes into one that only we read, on the disk but for its name.

    A copy, not a hard link: Postfix sees that a table was replaced by the last name of the old one going.
    """
    with typed(into):
        source = os.open(path, _READ)
        try:
            target = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                while os.sendfile(target, source, None, _PIECE):
                    pass
                os.fsync(target)
            finally:
                os.close(target)
        finally:
            os.close(source)


def keep(into: str, content: bytes) -> None:
    """Write what only we read, on the disk but for its name."""
    with typed(into):
        target = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(target, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def adopt(built: str, path: str) -> str:
    """Make a file that a program built beside `path` the staged next version of it, on the disk; gives its new path."""
    staged = staging_path(path)
    with typed(path):
        obstacles.refuse(path, os.path.realpath(path))
        with Path(built).open("rb") as file:
            dress(file.fileno(), _attributes(os.path.realpath(path)))
            os.fsync(file.fileno())
        Path(built).rename(staged)
    return staged


def discard_scratch(directory: str) -> None:
    """Remove a build directory with what lies in it."""
    with suppress(FileNotFoundError):
        for part in Path(directory).iterdir():
            part.unlink()
        Path(directory).rmdir()


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def typed(path: str) -> Iterator[None]:
    """Raises HostUnwritable about `path` for what the system refuses."""
    try:
        yield
    except OSError as error:
        raise HostUnwritable(f"{path}: {_say(error)}") from error
    except obstacles.Obstacle as obstacle:
        raise HostUnwritable(f"{path}: {obstacle}") from obstacle


def _say(error: OSError) -> str:
    return _ADVICE.get(error.errno or 0, error.strerror or str(error))
