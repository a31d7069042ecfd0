"""Sessions as facts, from real listeners and from ones that misbehave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from reconciler.probe.smtp import Credentials, Reply, Visit, visit

SOON = timedelta(seconds=0.3)  # where there shall be no answer
ENOUGH = timedelta(seconds=20)


@contextmanager
def listener(*pieces: bytes, hold: bool = True) -> Iterator[int]:
    """A port that says the pieces, one before each command it hears, and then keeps quiet or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, pieces, hold))
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def _serve(server: socket.socket, pieces: tuple[bytes, ...], hold: bool) -> None:
    with server.accept()[0] as connection:
        for at, piece in enumerate(pieces):
            if at:
                connection.recv(4096)
            connection.sendall(piece)
        while hold and connection.recv(4096):
            pass


def probe(port: int, patience: timedelta = ENOUGH, **options):
    return visit(Visit("127.0.0.1", port, "probe.test", patience=patience, **options))


def test_a_port_where_nothing_listens_is_a_fact():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    session = probe(port)
    assert session.greeting is None
    assert session.problem == "the connection: Connection refused"


@pytest.mark.parametrize(
    ("pieces", "hold", "problem"),
    [
        ((), True, "no answer to the greeting within 0.3 s"),
        ((), False, "the connection was closed instead of a reply to the greeting"),
        ((b"SSH-2.0-OpenSSH\r\n",), True, "no SMTP reply to the greeting: 'SSH-2.0-OpenSSH'"),
        ((b"x" * 5000,), True, "an endless line in reply to the greeting"),
        ((b"220-x\r\n" * 201,), True, "an endless reply to the greeting"),
        ((b"220 x\r\n",), True, "no answer to EHLO probe.test within 0.3 s"),
        (
            (b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"),
            True,
            "plaintext stands before the TLS handshake",
        ),
        (
            (b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n"),
            True,
            "no answer to the TLS handshake within 0.3 s",
        ),
    ],
)
def test_whatever_a_listener_does_becomes_a_fact(pieces, hold, problem):
    started = time.monotonic()
    with listener(*pieces, hold=hold) as port:
        assert probe(port, SOON if "within" in problem else ENOUGH).problem == problem
    assert time.monotonic() - started < 10


def test_a_listener_that_drips_does_not_outlast_the_patience():
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            with server.accept()[0] as connection:
                while not stop.wait(0.05):
                    connection.sendall(b"2")

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        session = probe(server.getsockname()[1], SOON)
        took = time.monotonic() - started
        stop.set()
        thread.join(10)
    assert session.problem == "no answer to the greeting within 0.3 s"
    assert took < 10


def test_a_refusing_greeting_is_no_problem_but_an_answer():
    with listener(b"554 5.7.1 no\r\n") as port:
        session = probe(port)
    assert (session.greeting, session.problem) == (Reply(554, ("5.7.1 no",)), "")


def test_what_holds_a_line_end_is_not_sent():
    with listener(b"220 x\r\n", b"250 x\r\n") as port:
        assert (
            probe(port, before_tls=("NOOP\nMAIL FROM:<>",)).problem == "'NOOP\\nMAIL FROM:<>' is more than one command"
        )


def test_starttls_that_is_not_offered_is_not_asked_for():
    with listener(b"220 x\r\n", b"250-x\r\n250 SIZE\r\n") as port:
        session = probe(port, under_tls=("MAIL FROM:<>",))
    assert session.offered == ("SIZE",)
    assert session.starttls is None
    assert session.under_tls == ()


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [("4.7.1 no", "4.7.1"), ("no 4.7.1", ""), ("mx1.test ESMTP", ""), ("10.0.0.1.x", ""), ("", "")],
)
def test_an_enhanced_status_code_is_found_at_its_place(text, enhanced):
    assert Reply(450, (text,)).enhanced == enhanced


def test_a_password_is_in_no_repr_and_is_masked_in_texts():
    auth = Credentials("alice", "wonder land")
    assert "wonder" not in repr(auth)
    assert auth.mask(f"AUTH PLAIN {auth.initial_response} wonder land") == "AUTH PLAIN *** ***"


@pytest.mark.postfix
def test_an_accepted_sender_is_taken_back_and_the_session_ends_with_quit(instances):
    instance = instances("mx1.test")
    session = probe(instance.smtpd_port, before_tls=("MAIL FROM:<a@b.test>", "RCPT TO:<postmaster@mx1.test>"))
    assert [str(it.reply) for it in session.before_tls] == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
    assert instance.wait_for_log("commands=5").endswith("ehlo=1 mail=1 rcpt=1 rset=1 quit=1 commands=5")


@pytest.mark.postfix
def test_the_question_for_auth_sends_no_credentials(instances):
    instance = instances("mx1.test", main_cf_extra={"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "cyrus"})
    session = probe(instance.smtpd_port, before_tls=("AUTH PLAIN",))
    assert session.before_tls[0].reply.code == 334
    assert session.problem == ""
