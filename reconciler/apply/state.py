"""What this program remembers of an instance, below STATE_DIR/<instance>, and who is at work on it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.apply import durable
from reconciler.errors import Conflict, HostUnreadable, Locked, StateUnusable
from reconciler.frozen import dataclass
from reconciler.model import codec
from reconciler.model.applied import LastApplied, from_json
from reconciler.model.desired import DesiredState
from reconciler.model.snapshot import PemFile

if TYPE_CHECKING:
    from reconciler.apply.ledger import Ledger

Mark = tuple[int, int]  # inode and time in ns of the record

_LOCKS = Path("/proc/locks")
_PROVEN = 50  # digests


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass found out that only depends on bytes: the state they declare, and what PEM files hold, by digest."""

    desired: DesiredState
    pems: Mapping[str, PemFile]


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """The directory of one instance, 0700; its files are 0600 whatever the umask."""

    root: str
    instance: str

    @property
    def path(self) -> Path:
        return Path(self.root) / self.instance

    @property
    def record(self) -> Path:
        return self.path / "last-applied.json"

    @property
    def quarantine(self) -> Path:
        return self.path / "quarantine.json"

    @property
    def ledger(self) -> Ledger:
        from reconciler.apply.ledger import Ledger  # noqa: PLC0415 - 8 ms that no plan needs

        return Ledger(self.path / "transactions")

    def read(self, config_directory: str) -> LastApplied:
        """The record of the last apply; an empty one before the first.

        Raises HostUnreadable where it is damaged, or belongs to another configuration directory.
        """
        try:
            last = from_json(self.record.read_bytes())
        except FileNotFoundError:
            return LastApplied(config_directory)
        except PermissionError as error:
            raise HostUnreadable(f"{self.record}: not readable; run as root, or name another --state-dir") from error
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise StateUnusable(f"{self.record}: {why}; name another --state-dir") from error
        except (ValueError, KeyError, TypeError) as error:
            hint = "restore it from a backup, or remove it to adopt the host as it stands"
            raise HostUnreadable(f"{self.record}: not a record of ours ({error}); {hint}") from error
        if last.config_directory != config_directory:
            other = f"it belongs to {last.config_directory}, not to {config_directory}"
            raise HostUnreadable(f"{self.record}: {other}; name another --state-dir")
        return last

    @property
    def mark(self) -> Mark:
        """By what the record is told from a later one, which is another file; zeros where there is none."""
        try:
            about = self.record.stat()
        except OSError:
            return 0, 0
        return about.st_ino, about.st_mtime_ns

    def refuse_if_moved(self, mark: Mark | None) -> None:
        """Raises Conflict where somebody has written the record since, or has left a transaction half done.

        To be asked with the lock held; None is for a plan that was made of no record.
        """
        if mark is not None and mark != self.mark:
            raise Conflict("another apply has been here since the plan was made, and nothing was changed; plan again")
        number = self.ledger.cut_off()
        if number is not None:
            raise Conflict(
                f"transaction {number} was interrupted since the plan was made, and nothing was changed by this one; "
                "apply again, which ends that one first"
            )

    def adopt(self, last: LastApplied, mark: Mark | None) -> None:
        """Replace the record of a host that is as it shall be; nothing is written where it already says the same.

        Raises Locked, Conflict where an apply came between.
        """
        content = last.to_json()
        if _read(self.record) != content:
            with self.lock():
                self.refuse_if_moved(mark)
                self.replace(content)

    def replace(self, content: bytes | None) -> None:
        """Put these bytes in the record's place, durably; None removes it."""
        if content is None:
            with self._usable():
                self.record.unlink(missing_ok=True)
        else:
            self._put(self.record, content)

    def base(self, digest: str) -> bytes:
        """A policy file that was kept for the rows that were written.

        Raises HostUnreadable where it is gone or damaged.
        """
        path = self._base(digest)
        content = _read(path)
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            hint = f"restore it from a backup, or remove {self.record} to adopt the host as it stands"
            raise HostUnreadable(f"{path}: gone or damaged, and the record is about it; {hint}")
        return content

    def has_base(self, digest: str) -> bool:
        return self._base(digest).exists()

    def keep_base(self, digest: str, content: bytes) -> None:
        """Keep a policy file under its digest. Raises StateUnusable."""
        path = self._base(digest)
        with self._usable():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if not path.exists():
                durable.replace(path, content)

    def forget_bases(self, needed: Container[str]) -> None:
        """Remove the policy files that no record is about any more."""
        with suppress(OSError):
            for path in (self.path / "tables").iterdir():
                if path.name not in needed:
                    path.unlink()

    def _base(self, digest: str) -> Path:
        return self.path / "tables" / digest

    def proven(self) -> tuple[str, ...]:
        """The digests of trials that were passed, oldest first; none where they cannot be read: they only save time."""
        try:
            return tuple(str(it) for it in json.loads(self._proven.read_bytes())["passed"])
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def remember_proven(self, digest: str) -> None:
        """Keep the digest of a trial that was passed, so that the same is not tried again. Raises StateUnusable."""
        known = self.proven()
        if digest not in known:
            self._put(self._proven, json.dumps({"passed": [*known[-_PROVEN + 1 :], digest]}).encode())

    def recall(self, key: Callable[[frozenset[str]], str]) -> Seen | None:
        """What was remembered under the key; None where nothing was, or it cannot be read: it is only a short cut.

        `key` is given the files on whose content that did not depend.
        """
        try:
            body = json.loads(self._cache.read_bytes())
            return codec.decode(Seen, body["seen"]) if body["key"] == key(frozenset(body["exempt"])) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def newest(self) -> Seen | None:
        """What was remembered last, whatever it depended on; None where nothing was."""
        try:
            newest: Seen = codec.decode(Seen, json.loads(self._cache.read_bytes())["seen"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return newest

    def remember(self, key: Callable[[frozenset[str]], str], seen: Seen, exempt: frozenset[str] = frozenset()) -> None:
        """Keep a validated state and the facts of PEM files, so that the same need not be worked out again."""
        body = {"key": key(exempt), "exempt": sorted(exempt), "seen": codec.encode(seen)}
        content = json.dumps(body).encode()
        if _read(self._cache) != content:
            self._put(self._cache, content)

    def recall_postfix(self) -> object:
        """What was remembered of the Postfix that is installed, as JSON values; None where nothing was."""
        try:
            known: object = json.loads(self._postfix.read_bytes())
        except (OSError, ValueError):
            return None
        return known

    def remember_postfix(self, said: object) -> None:
        """Keep it, so that it need not be asked for again. Raises StateUnusable."""
        content = json.dumps(said).encode()
        if _read(self._postfix) != content:
            self._put(self._postfix, content)

    @property
    def _postfix(self) -> Path:
        return self.path / "postfix.json"

    @property
    def _proven(self) -> Path:
        return self.path / "proven.json"

    @property
    def _cache(self) -> Path:
        return self.path / "seen.json"

    def _put(self, path: Path, content: bytes) -> None:
        self.prepare()
        with self._usable():
            durable.replace(path, content)

    def prepare(self) -> None:
        """Make the directory.

        Raises StateUnusable, also for one of somebody else: what stands in a journal is what root puts in place.
        """
        with self._usable():
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            owner = self.path.stat().st_uid
            if owner not in (0, os.geteuid()):
                raise StateUnusable(
                    f"{self.path}: it belongs to uid {owner}, who could say there what this program writes; look at "
                    f"what lies in it, then `chown -R root {self.path}`, or name another --state-dir"
                )
            self.path.chmod(0o700)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise StateUnusable(f"{self.path}: {why}; name another --state-dir, or make this one usable") from error

    def holder(self) -> str:
        """The process that is at work on this instance; empty where none is, or that cannot be told.

        As the kernel tells it: to try the lock could keep an apply from it.
        """
        with suppress(OSError):
            inode = f":{(self.path / 'lock').stat().st_ino}"
            for fields in map(str.split, _LOCKS.read_text().splitlines()):
                if fields[1:4] == ["FLOCK", "ADVISORY", "WRITE"] and fields[5].endswith(inode):
                    return fields[4]
        return ""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the instance for one apply.

        Raises Locked, naming the holder's process, where another one does.
        """
        self.prepare()
        with self._usable():
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.fdopen(os.open(self.path / "lock", flags, 0o600), "a+b")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as busy:
                file.seek(0)
                holder = file.read(32).decode("ascii", "replace").strip() or "unknown"
                raise Locked(f"another apply is at work on {self.instance} (process {holder})") from busy
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
            file.flush()
            yield


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
