"""Which process listens on a TCP port, as far as this one may see.

Whose socket it is stands below /proc/PID/fd, which root without CAP_SYS_PTRACE may not read of a process with more
capabilities, as master(8) is for the service of this program. To everybody the kernel tells the control group in which
a socket was made, and systemd gives each service one of its own.

Source: sock_diag(7); INET_DIAG_CGROUP_ID of linux/inet_diag.h, since Linux 5.8: the inode of the group's directory.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path

CGROUPS = "/sys/fs/cgroup"
_LISTENING = "0A"  # in the fourth column of /proc/net/tcp
_SOCK_DIAG, _BY_FAMILY, _ERROR, _DONE = 4, 20, 2, 3
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_LISTEN = 1 << 10  # TCP_LISTEN, as a bit
_CGROUP_ID = 21
_HEADER, _MESSAGE = struct.Struct("=IHHII"), 72  # nlmsghdr; bytes of inet_diag_msg
_BUFFER = 1 << 16  # bytes, more than a part of an answer has


class Holder(Enum):
    """Whether a process listens on a port. UNSEEN is where nothing tells: somebody does."""

    ITSELF = "itself"
    ANOTHER = "another"
    UNSEEN = "unseen"


def is_taken(port: int) -> bool:
    """Whether anybody listens on that port, on whatever address."""
    return bool(_inodes(port))


def holder(pid: int, port: int, cgroups: str = CGROUPS) -> Holder:
    """Whether that process has one of the sockets that listen on the port."""
    try:
        links = list(_links(pid))
    except PermissionError:
        return _by_group(pid, frozenset(_groups(port)), cgroups)
    except OSError:  # it has ended
        return Holder.ANOTHER
    held = _inodes(port) & {link.removeprefix("socket:[").removesuffix("]") for link in links}
    return Holder.ITSELF if held else Holder.ANOTHER


def _links(pid: int) -> Iterator[str]:
    """What the descriptors of a process are. Raises OSError where that is not shown."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield str(link.readlink())


def _inodes(port: int) -> set[str]:
    """The numbers of the sockets that listen on the port."""
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            fields = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            inodes |= {it[9] for it in fields if it[3] == _LISTENING and int(it[1].rpartition(":")[2], 16) == port}
    return inodes


def _by_group(pid: int, groups: frozenset[int], cgroups: str) -> Holder:
    """A group that this process is in as well tells nothing: then there is no systemd that keeps services apart."""
    theirs, own = _group(pid, cgroups), _group("self", cgroups)
    if theirs is None or theirs == own or not groups or 0 in groups:
        return Holder.UNSEEN
    return Holder.ITSELF if theirs in groups else Holder.ANOTHER


def _group(pid: int | str, cgroups: str) -> int | None:
    """The number of a process' control group, None where there is none, or it cannot be looked at."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return Path(f"{cgroups}/{line[3:]}").stat().st_ino
    return None


def _groups(port: int) -> Iterator[int]:
    """The number of the control group of each socket that listens on the port, 0 where the kernel tells none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            yield from _told(family, port)


def _told(family: int, port: int) -> Iterator[int]:
    request = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, _LISTEN) + struct.pack(">H", port) + bytes(46)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _SOCK_DIAG) as asking:
        asking.sendall(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
        while True:
            for kind, body in _parts(asking.recv(_BUFFER)):
                if kind in (_ERROR, _DONE):
                    return
                if int.from_bytes(body[4:6]) == port:
                    yield _cgroup_id(body[_MESSAGE:])


def _parts(answer: bytes) -> Iterator[tuple[int, bytes]]:
    while len(answer) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(answer)
        yield kind, answer[_HEADER.size : length]
        answer = answer[-(-length // 4) * 4 :]


def _cgroup_id(attributes: bytes) -> int:
    while len(attributes) >= 4:
        length, kind = struct.unpack_from("=HH", attributes)
        if kind == _CGROUP_ID:
            return int(struct.unpack_from("=Q", attributes, 4)[0])
        attributes = attributes[-(-max(length, 4) // 4) * 4 :]
    return 0
