"""A server for one message: what smtp(8) of the canary delivers to. It offers TLS, and notes whether it was used."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import BinaryIO

from reconciler.host import certificates

_NAME = "sink.invalid"  # RFC 2606: no such host will ever be
_HELLO = 0.2  # s; a client that is to be under TLS from the first byte speaks first
_IDLE = 10.0  # s


@dataclass
class Sink:
    """`under_tls` are the domains for which mail came under TLS."""

    address: str
    port: int
    under_tls: set[str] = field(default_factory=set)


@contextmanager
def open_sink(address: str) -> Iterator[Sink]:
    """Listen on a free port of `address` until the block ends."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        sink = Sink(address, int(server.getsockname()[1]))
        thread = threading.Thread(target=_serve, args=(server, sink), daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(_IDLE)


def _serve(server: socket.socket, sink: Sink) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # closed: the end
            return
        threading.Thread(target=_hold, args=(client, sink), daemon=True).start()


def _hold(client: socket.socket, sink: Sink) -> None:
    with client, suppress(OSError):
        client.settimeout(_IDLE)
        if _speaks_first(client):
            with _secured(client) as secured:
                _greet(secured)
                _converse(secured, sink, under_tls=True)
            return
        _greet(client)
        if _converse(client, sink, under_tls=False):
            with _secured(client) as secured:
                _converse(secured, sink, under_tls=True)


def _greet(line: socket.socket) -> None:
    line.sendall(f"220 {_NAME} ESMTP\r\n".encode())


def _converse(line: socket.socket, sink: Sink, *, under_tls: bool) -> bool:
    """Answer until the client leaves, or asks for TLS; gives whether it did."""
    with line.makefile("rb") as reader:
        return _answer(line, reader, sink, under_tls=under_tls)


def _answer(line: socket.socket, reader: BinaryIO, sink: Sink, *, under_tls: bool) -> bool:
    domains: set[str] = set()
    while command := reader.readline(2048):
        match command[:4].upper():
            case b"EHLO" | b"LHLO":
                offer = b"" if under_tls else b"250-STARTTLS\r\n"
                line.sendall(f"250-{_NAME}\r\n".encode() + offer + b"250 8BITMIME\r\n")
            case b"STAR":
                line.sendall(b"220 2.0.0 go ahead\r\n")
                return True
            case b"RCPT":
                domains.add(command.decode("utf-8", "replace").partition("@")[2].partition(">")[0])
                line.sendall(b"250 2.0.0 fine\r\n")
            case b"DATA":
                line.sendall(b"354 end with a dot\r\n")
                while reader.readline(1 << 16) not in (b".\r\n", b""):
                    pass
                if under_tls:  # before the reply, after which the log says that it was sent
                    sink.under_tls |= domains
                line.sendall(b"250 2.0.0 taken\r\n")
            case b"QUIT":
                line.sendall(b"221 2.0.0 bye\r\n")
                return False
            case _:
                line.sendall(b"250 2.0.0 fine\r\n")
    return False


def _speaks_first(client: socket.socket) -> bool:
    client.settimeout(_HELLO)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False
    finally:
        client.settimeout(_IDLE)


def _secured(client: socket.socket) -> ssl.SSLSocket:
    return _context().wrap_socket(client, server_side=True)


@cache
def _context() -> ssl.SSLContext:
    key, chain = certificates.make_self_signed((_NAME,), timedelta(days=1), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = (
        ssl.TLSVersion.MINIMUM_SUPPORTED
    )  # what old peers are met with is for the candidate to say
    context.set_ciphers("ALL:@SECLEVEL=0")
    with tempfile.NamedTemporaryFile(prefix="reconciler-sink-") as file:
        file.write(key + chain)
        file.flush()
        context.load_cert_chain(file.name)
    return context
