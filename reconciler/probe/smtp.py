"""One SMTP session as data: what was asked, and what came back.

A session is short and polite: bounded in time as a whole, never DATA, always QUIT. Whatever the network does becomes
a fact (`problem`), never an exception. Certificates are not verified: their digests are compared.

On sockets and not on smtplib, which bounds each read instead of the session, and costs 50 ms to import.

Source: RFC 5321; RFC 3207 (STARTTLS); RFC 4954 (AUTH).
"""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import field
from datetime import timedelta

from reconciler.frozen import dataclass

PATIENCE = timedelta(seconds=10)  # for a whole session; postscreen(8) alone takes 6 s to greet
_GOODBYE = 1.0  # s, for the answer to QUIT
_LINE_LIMIT, _LINES_LIMIT = 4096, 200  # of one reply; RFC 5321 allows 512 bytes a line


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who to log in as. The password is in no repr, and `mask` keeps it out of every text."""

    user: str
    password: str = field(repr=False)

    @property
    def initial_response(self) -> str:
        """What AUTH PLAIN sends (RFC 4616)."""
        return base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()

    def mask(self, text: str) -> str:
        """The text without the password, in each form in which it travels."""
        for secret in (self.initial_response, base64.b64encode(self.password.encode()).decode(), self.password):
            text = text.replace(secret, "***") if secret else text
        return text


Command = str | Credentials  # a command line without its end, or AUTH PLAIN as somebody


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code, and its lines without the code."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((str(self.code), *self.lines))

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463), such as `4.7.1`; empty where there is none."""
        word = self.lines[-1].partition(" ")[0] if self.lines else ""
        return word if word.count(".") == 2 and word.replace(".", "").isdecimal() else ""


@dataclass(frozen=True, slots=True)
class Tls:
    """A handshake that worked. `certificate` is the leaf's SHA-256, of its DER form, as hexadecimal digits."""

    protocol: str
    cipher: str
    certificate: str

    def __str__(self) -> str:
        return f"{self.protocol}, {self.cipher}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command as it was sent, without secrets, and its reply."""

    command: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Visit:
    """What to ask of one listener, in this order. `wrapped` is TLS from the first byte.

    STARTTLS is sent where `starttls` is set and the listener offers it; `under_tls` only once TLS is there.
    `patience` is for the whole session. `server_name` is sent in the handshake (SNI) where it is not empty.
    """

    address: str
    port: int
    ehlo: str
    wrapped: bool = False
    before_tls: tuple[Command, ...] = ()
    starttls: bool = True
    under_tls: tuple[Command, ...] = ()
    patience: timedelta = PATIENCE
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """What a visit saw. `offered` are the keywords of EHLO before TLS, `offered_under_tls` those after.

    `problem` says what ended the session early, empty where it came to its QUIT.
    """

    greeting: Reply | None = None
    offered: tuple[str, ...] = ()
    before_tls: tuple[Exchange, ...] = ()
    starttls: Reply | None = None
    tls: Tls | None = None
    offered_under_tls: tuple[str, ...] = ()
    under_tls: tuple[Exchange, ...] = ()
    problem: str = ""


class _Ended(Exception):
    """The session cannot go on; the text says why."""


class _Line:
    """A connection that speaks in lines, until a deadline."""

    def __init__(self, visit: Visit) -> None:
        self.patience = visit.patience
        self.server_name = visit.server_name or None
        self.deadline = time.monotonic() + visit.patience.total_seconds()
        self.stage = "the connection"
        self.received = b""
        self.socket = socket.create_connection((visit.address, visit.port), self.left())

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError where it has passed."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def ask(self, command: str, shown: str = "") -> Reply:
        self.stage = shown or command
        if "\r" in command or "\n" in command:
            raise _Ended(f"{self.stage!r} is more than one command")
        self.socket.settimeout(self.left())
        self.socket.sendall(f"{command}\r\n".encode())
        return self.reply()

    def reply(self) -> Reply:
        lines: list[str] = []
        while len(lines) < _LINES_LIMIT:
            line = self._line()
            if not line[:3].isdigit():
                raise _Ended(f"no SMTP reply to {self.stage}: {line[:80].decode('utf-8', 'replace')!r}")
            lines.append(line[4:].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return Reply(int(line[:3]), tuple(lines))
        raise _Ended(f"an endless reply to {self.stage}")

    def _line(self) -> bytes:
        while b"\n" not in self.received:
            if len(self.received) > _LINE_LIMIT:
                raise _Ended(f"an endless line in reply to {self.stage}")
            self.socket.settimeout(self.left())
            piece = self.socket.recv(_LINE_LIMIT)
            if not piece:
                raise _Ended(f"the connection was closed instead of a reply to {self.stage}")
            self.received += piece
        line, _, self.received = self.received.partition(b"\n")
        return line.removesuffix(b"\r")

    def encrypt(self) -> Tls:
        self.stage = "the TLS handshake"
        if self.received:
            raise _Ended("plaintext stands before the TLS handshake")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # digests are compared
        self.socket.settimeout(self.left())
        secured = context.wrap_socket(self.socket, server_hostname=self.server_name)
        self.socket = secured
        secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else a wrapped greeting takes 40 ms longer
        cipher = secured.cipher()
        leaf = secured.getpeercert(binary_form=True) or b""
        return Tls(secured.version() or "", cipher[0] if cipher else "", hashlib.sha256(leaf).hexdigest())

    def close(self, *, answering: bool) -> None:
        """QUIT; its answer is waited for where there were answers so far."""
        with suppress(OSError, _Ended):
            self.deadline = time.monotonic() + _GOODBYE
            self.socket.settimeout(_GOODBYE)
            self.socket.sendall(b"QUIT\r\n")
            if answering:
                self.reply()
        self.socket.close()


def visit(plan: Visit) -> Session:
    """Hold one session. Takes at most `plan.patience`, and a second for the goodbye."""
    seen = _Seen()
    line: _Line | None = None
    try:
        line = _Line(plan)
        seen.hold(plan, line)
    except _Ended as ended:
        seen.problem = str(ended)
    except TimeoutError:
        stage = line.stage if line else "the connection"
        seen.problem = f"no answer to {stage} within {plan.patience.total_seconds():.1f} s"
    except ssl.SSLError as error:
        seen.problem = f"the TLS handshake fails: {error.reason or error}"
    except OSError as error:
        seen.problem = f"{line.stage if line else 'the connection'}: {error.strerror or error}"
    finally:
        if line:
            line.close(answering=not seen.problem)
    return seen.as_session()


@dataclass
class _Seen:
    """A session while it is held."""

    greeting: Reply | None = None
    offered: tuple[str, ...] = ()
    before_tls: list[Exchange] = field(default_factory=list)
    starttls: Reply | None = None
    tls: Tls | None = None
    offered_under_tls: tuple[str, ...] = ()
    under_tls: list[Exchange] = field(default_factory=list)
    problem: str = ""

    def hold(self, plan: Visit, line: _Line) -> None:
        if plan.wrapped:
            self.tls = line.encrypt()
        line.stage = "the greeting"
        self.greeting = line.reply()
        if not self.greeting.positive:
            return
        if not plan.wrapped and not self._start_tls(plan, line):
            return
        self.offered_under_tls = _greet(line, plan.ehlo)
        _converse(line, plan.under_tls, self.under_tls)

    def _start_tls(self, plan: Visit, line: _Line) -> bool:
        self.offered = _greet(line, plan.ehlo)
        _converse(line, plan.before_tls, self.before_tls)
        if not plan.starttls or "STARTTLS" not in (keyword.upper() for keyword in self.offered):
            return False
        self.starttls = line.ask("STARTTLS")
        if not self.starttls.positive:
            return False
        self.tls = line.encrypt()
        return True

    def as_session(self) -> Session:
        return Session(
            self.greeting,
            self.offered,
            tuple(self.before_tls),
            self.starttls,
            self.tls,
            self.offered_under_tls,
            tuple(self.under_tls),
            self.problem,
        )


def _greet(line: _Line, name: str) -> tuple[str, ...]:
    """What EHLO offers; nothing where it is refused."""
    reply = line.ask(f"EHLO {name}")
    return reply.lines[1:] if reply.positive else ()


def _converse(line: _Line, commands: tuple[Command, ...], into: list[Exchange]) -> None:
    """Ask one after another; what began a mail transaction is taken back."""
    for command in commands:
        if isinstance(command, Credentials):
            shown = f"AUTH PLAIN (as {command.user})"
            reply = line.ask(f"AUTH PLAIN {command.initial_response}", shown)
            reply = Reply(reply.code, tuple(command.mask(text) for text in reply.lines))
        else:
            shown = command
            reply = line.ask(command)
        into.append(Exchange(shown, reply))
        if reply.code == 334:
            line.ask("*")  # no more of AUTH than the question whether it is allowed
    if any(it.reply.positive and it.command.startswith("MAIL ") for it in into):
        line.ask("RSET")
