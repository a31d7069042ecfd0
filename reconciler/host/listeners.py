"""Whether new listeners can listen: a port that is taken, or a name nobody knows, ends master(8) after the reload.

Neither `postfix check` nor the reload says so, and the reason is in no log (measured with Postfix 3.7).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import assert_never

from reconciler.host import listening
from reconciler.host.listening import Holder
from reconciler.postfix import endpoint
from reconciler.postfix.master_cf import MasterCf, Service

_ANY = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


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
                if error.errno == errno.EACCES and not listening.is_taken(int(address[1])):
                    continue  # below 1024, and ours is not the capability: master(8) has it
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    return f"it cannot be listened on ({error.strerror})"
                problem = _taken(int(address[1]), master_pid)
                if problem:
                    return problem
    return ""


def _taken(port: int, master_pid: int | None) -> str:
    found = Holder.ANOTHER if master_pid is None else listening.holder(master_pid, port)
    match found:
        case Holder.ITSELF:
            return ""
        case Holder.ANOTHER:
            return "another program listens there already"
        case Holder.UNSEEN:
            own = "and it cannot be seen whether that is this Postfix; `postfix reload` lets go of what is its own"
            return f"somebody listens there already, {own}"
        case _:
            assert_never(found)
