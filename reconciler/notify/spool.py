"""What is to leave this host: laid down by the half without a network, carried by the half that has it.

One JSON file a parcel, written aside and renamed. The directory belongs to the carrier's group, and the carrier takes
away what was delivered; so no parcel holds a secret, and nothing that is found here is acted on by who lays down.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.frozen import dataclass

FORMAT_VERSION = "1.0"
_ENDING = ".json"
_MOST = 500  # parcels; of more the oldest go
_LARGEST = 16 << 20  # bytes; a snapshot has a limit of its own below this


class SpoolUnusable(ReconcilerError):
    """Nothing can be laid down; what was to leave the host is tried again."""

    reason = "SpoolUnusable"
    retry_helps = True


class ParcelDamaged(ReconcilerError):
    """A file in the spool that is no parcel, or one of another version."""

    reason = "ParcelDamaged"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file of the spool; `modified_s` is seconds since 1970 by the host's clock."""

    path: Path
    modified_s: float

    def read(self) -> Mapping[str, Any]:
        """What it says.

        Raises ParcelDamaged.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
                    raise ParcelDamaged(f"{self.path.name}: no regular file, or larger than {_LARGEST} bytes")
                body = json.loads(file.read())
            if str(body["format_version"]).partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
                raise ParcelDamaged(f"{self.path.name}: laid down by another version of this program")
        except OSError as error:
            raise ParcelDamaged(f"{self.path.name}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ParcelDamaged(f"{self.path.name}: {error}") from error
        said: Mapping[str, Any] = body
        return said

    def take_away(self) -> None:
        """It was delivered, or never can be."""
        self.path.unlink(missing_ok=True)


def lay_down(directory: str, name: str, body: Mapping[str, Any]) -> None:
    """Put a parcel in the place of any other of that name, for its group to read.

    Raises SpoolUnusable.
    """
    spool = Path(directory)
    staged, content = spool / f".{name}.new", json.dumps({"format_version": FORMAT_VERSION, **body}).encode()
    try:
        staged.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(staged, flags, 0o640), "wb") as file:
            os.fchmod(file.fileno(), 0o640)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.rename(spool / f"{name}{_ENDING}")
        for parcel in list(waiting(directory))[:-_MOST]:
            parcel.take_away()
    except OSError as error:
        raise SpoolUnusable(
            f"{directory}: {error.strerror}; reconciler-puller.service carries away what lies there"
        ) from error


def waiting(directory: str) -> Iterator[Parcel]:
    """Every parcel, oldest first; none where there is no spool."""
    found = []
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(_ENDING) and not entry.name.startswith("."):
                with suppress(FileNotFoundError):
                    found.append(Parcel(Path(entry.path), entry.stat(follow_symlinks=False).st_mtime))
    yield from sorted(found, key=lambda it: (it.modified_s, it.path.name))
