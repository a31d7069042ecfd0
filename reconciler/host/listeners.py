"""Whether new listeners can listen: a port that is taken, or a name nobody knows, ends master(8) after the reload.

Neither `postfix check` nor the reload says so, and the reason is in no log (measured with Postfix 3.7).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.postfix import endpoint
from reconciler.postfix.master_cf import MasterCf, Service

_ANY = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
_LISTENING = "0A"  # in the fourth column of /proc/net/tcp


def complaints(before: MasterCf, after: MasterCf, inet_interfaces: str, master_pid: int | None) -> Iterator[str]:
    """What keeps the inet services that `after` has and `before` has not from listening.

    A port that the instance's own master(8) holds is free for it: the file may have lost the service without a reload.
    """
    standing = {key for key in before.by_key if key[1] == "inet"}
    for key, service in after.by_key.items():
        if key[1] != "inet" or key in standing:
            continue
        host, port = endpoint.split(service.name)
        hosts = [host] if host else _interfaces(inet_interfaces)
        for each in hosts:
            problem = _bind(each, port, master_pid)
            if problem:
                yield f"master.cf: {service.name}: {problem}"
                break
        else:
            others = (it for it in after.by_key.values() if it.type == "inet" and it is not service)
            yield from _doubled(service, others, inet_interfaces)


def _doubled(service: Service, others: Iterable[Service], inet_interfaces: str) -> Iterator[str]:
    """Two services of one file at one place: the second bind ends master(8)."""
    own = _places(service, inet_interfaces)
    for other in others:
        if any(_collide(one, two) for one in own for two in _places(other, inet_interfaces)):
            yield f"master.cf: {service.name}: {other.name} listens there too"
            return


_Place = tuple[int, str, int]  # family, address, port


def _places(service: Service, inet_interfaces: str) -> set[_Place]:
    """Where a service listens; nowhere where its name cannot be resolved."""
    host, port = endpoint.split(service.name)
    found: set[_Place] = set()
    for each in [host] if host else _interfaces(inet_interfaces):
        with suppress(OSError):
            told = socket.getaddrinfo(each or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            found |= {(family, str(address[0]), int(address[1])) for family, _, _, _, address in told}
    return found


def _collide(one: _Place, two: _Place) -> bool:
    return one[0] == two[0] and one[2] == two[2] and (one[1] == two[1] or bool(_ANY & {one[1], two[1]}))


def _interfaces(inet_interfaces: str) -> list[str]:
    names = inet_interfaces.replace(",", " ").split()
    if not names or names == ["all"]:
        return [""]
    return ["127.0.0.1"] if names == ["loopback-only"] else [name.strip("[]") for name in names]


def _bind(host: str, port: str, master_pid: int | None) -> str:
    """Bind without SO_REUSEPORT and let go again; gives why it cannot be done, or nothing."""
    if port.isdecimal() and not 0 < int(port) < 1 << 16:
        return "there is no such port"  # the resolver takes the rest of a division instead
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        return f"the address cannot be resolved ({error.strerror})"
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EACCES and not _is_taken(int(address[1])):
                    continue  # below 1024, and ours is not the capability: master(8) has it
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    if master_pid is None or not _holds(master_pid, int(address[1])):
                        return "another program listens there already"
                    continue
                return f"it cannot be listened on ({error.strerror})"
    return ""


def _is_taken(port: int) -> bool:
    """Whether anybody listens on that port, on whatever address."""
    return bool(_listening(port))


def _holds(pid: int, port: int) -> bool:
    """Whether a process has a listening TCP socket on that port."""
    inodes = _listening(port)
    with suppress(OSError):
        return any(str(link.readlink()).strip("socket:[]") in inodes for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _listening(port: int) -> set[str]:
    """The inodes of the TCP sockets that listen on that port."""
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            fields = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            inodes |= {it[9] for it in fields if it[3] == _LISTENING and int(it[1].rpartition(":")[2], 16) == port}
    return inodes
