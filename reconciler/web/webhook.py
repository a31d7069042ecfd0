"""The receiver of a forge's pushes: checks the signature, touches the trigger file, and can do nothing else.

What a request says is not read: the agent finds out itself what there is. So a replayed request is one look too many.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from socketserver import ThreadingMixIn

from reconciler import __version__, log
from reconciler.frozen import dataclass
from reconciler.web.signature import Style, is_genuine

_AT_ONCE = 16  # connections; more wait in the queue of the kernel
_SILENCE = 10  # s without a byte
_PATIENCE = 20.0  # s for a whole request, however it trickles in


@dataclass(frozen=True, slots=True)
class Receiving:
    """What a request must have: `secret` shared with the forge, a body of at most `max_size` bytes."""

    style: Style
    secret: bytes
    trigger: str
    max_size: int = 1 << 20
    patience: float = _PATIENCE
    clock: Callable[[], float] = time.time


class Server(ThreadingMixIn, HTTPServer):
    """Listens on an address, with a bound on what one client can keep busy."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, receiving: Receiving) -> None:
        self.receiving = receiving
        self.address_family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__((host, port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = _SILENCE
    server_version = f"reconciler/{__version__}"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._end = threading.Timer(self.server.receiving.patience, self._cut)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        self._end.cancel()
        super().finish()

    def _cut(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def do_POST(self) -> None:
        receiving = self.server.receiving
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(HTTPStatus.LENGTH_REQUIRED)
        elif len(length) > 12 or int(length) > receiving.max_size:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TooLarge")
        else:
            self._judge(self.rfile.read(int(length)), int(length))

    def _judge(self, body: bytes, length: int) -> None:
        receiving = self.server.receiving
        headers = {name.lower(): value for name, value in self.headers.items()}
        if len(body) != length:
            self._answer(HTTPStatus.BAD_REQUEST)
        elif not is_genuine(receiving.style, receiving.secret, headers, body, receiving.clock()):
            self._refuse(HTTPStatus.UNAUTHORIZED, "BadSignature")
        elif not touch(receiving.trigger):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "NoTrigger")
        else:
            log.get().info("webhook.received", client=self.client_address[0])
            self._answer(HTTPStatus.ACCEPTED)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        log.get().warning("webhook.refused", client=self.client_address[0], reason=reason)
        self._answer(status)

    def _answer(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is declared
        """Requests are told by their events; a client's bytes are not repeated in the log."""


def touch(path: str) -> bool:
    """Set the time of the trigger file, which is made where it is missing; whether that could be done."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o660)
    except OSError:
        return False
    try:
        os.utime(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
