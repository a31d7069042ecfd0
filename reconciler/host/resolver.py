"""Whether the host's resolver validates DNSSEC: one question over UDP, and the AD bit of the answer.

Source: RFC 4035 section 3.2.3 and RFC 6840 section 5.7: a client that sets AD in its question is told in the answer.
"""

from __future__ import annotations

import secrets
import socket
import struct
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from reconciler.frozen import dataclass

_CONF = "/etc/resolv.conf"
_SOA, _IN, _OPT = 6, 1, 41
_RD, _AD, _DO = 0x0100, 0x0020, 0x8000
_SIZE = 1232  # bytes, that no path cuts into pieces


@dataclass(frozen=True, slots=True)
class Resolver:
    """The first name server that answers. `validates` is None where none does."""

    address: str
    validates: bool | None

    @property
    def is_local(self) -> bool:
        return ip_address(self.address).is_loopback if self.address else False


def look(conf: str = _CONF, *, port: int = 53, patience_s: float = 3.0) -> Resolver:
    """Ask the name servers of resolv.conf in their order."""
    servers = _servers(conf)
    for address in servers:
        with suppress(OSError, ValueError, struct.error):
            return Resolver(address, _asks(address, port, patience_s))
    return Resolver(servers[0] if servers else "", None)


def _servers(conf: str) -> list[str]:
    found = []
    with suppress(OSError):
        for line in Path(conf).read_text(errors="replace").splitlines():
            word, _, rest = line.strip().partition(" ")
            with suppress(ValueError):
                if word == "nameserver":
                    found.append(str(ip_address(rest.strip())))
    return found


def _asks(address: str, port: int, patience_s: float) -> bool:
    number = secrets.randbelow(1 << 16)
    question = struct.pack(">HHHHHH", number, _RD | _AD, 1, 0, 0, 1) + b"\0" + struct.pack(">HH", _SOA, _IN)
    question += b"\0" + struct.pack(">HHIH", _OPT, _SIZE, _DO, 0)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(patience_s)
        asking.connect((address, port))
        asking.send(question)
        answer = asking.recv(_SIZE)
    theirs, flags = struct.unpack(">HH", answer[:4])
    if theirs != number:
        raise ValueError("another question's answer")
    return bool(flags & _AD)
