"""Alerts really arrive: at an HTTP receiver, and by SMTP in the queue of somebody who takes mail."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reconciler.model.alert import Alert, Notice
from reconciler.model.drift import Kind
from reconciler.model.incident import Incident, Resolution, Severity
from reconciler.model.told import Word
from reconciler.notify.send import Target, Undelivered, send
from reconciler.report import alerts

SECRET = "s3cret-in-url"
INCIDENT = Incident(
    outbox="o", number=1, kind=Kind.PARAMETER, subject="main.cf/smtpd_tls_security_level", severity=Severity.WARNING,
    written="encrypt", live="may", cause="corrective", detail="", who="file of uid 0, written 2026-11-23T03:00:00+00:00",
    revision="1a2b3c4d5e6f", first_seen="2026-11-23T03:00:05+00:00", last_seen="2026-11-23T03:00:05+00:00",
    boot="b", opened_s=0.0, seen_s=0.0, note="pause, adopt or it reverts at 03:15 UTC",
)  # fmt: skip
ALERT = Alert(
    ("alert", "mx1.test", "parameter"),
    (Notice("mx1.test", "postfix", INCIDENT, Word.OPENED),),
)
TEXT = """\
Host: mx1.test (postfix)
What: main.cf/smtpd_tls_security_level: changed outside of git
Was: encrypt
Found: may
Since: 2026-11-23T03:00:05+00:00
Who: file of uid 0, written 2026-11-23T03:00:00+00:00
Done: Nothing yet: it is left as it is for now.
Next: pause, adopt or it reverts at 03:15 UTC
Pause: reconciler pause --reason 'why' --until 2h
Adopt: reconciler adopt main.cf/smtpd_tls_security_level
Commit: 1a2b3c4d5e6f
Look: reconciler explain main.cf/smtpd_tls_security_level
"""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict]]]:
    """An HTTP server on loopback, and what it was sent."""
    got: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if "/refuse" in self.path else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"json://user:{SECRET}@127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


class Mailbox(socketserver.StreamRequestHandler):
    """As much SMTP as a submission needs; the messages lie in the server."""

    def handle(self) -> None:
        self.say("220 sink ESMTP")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.messages.append(b"".join(lines))  # type: ignore[attr-defined]
            if word == b"QUIT":
                self.say("221 bye")
                return
            self.say("250 sink" if word != b"EHLO" else "250-sink\r\n250 8BITMIME")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list[bytes]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        server.messages = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], server.messages  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_an_alert_arrives_at_a_receiver(receiver: tuple[str, list[dict]]) -> None:
    url, got = receiver
    send(Target(url), ALERT)
    (sent,) = got
    assert sent["title"] == "[warning] mx1.test: main.cf/smtpd_tls_security_level: changed outside of git"
    assert sent["message"].rstrip() == TEXT.rstrip()
    assert sent["type"] == "warning"


def test_an_alert_arrives_in_a_mailbox(mailbox: tuple[int, list[bytes]]) -> None:
    port, messages = mailbox
    send(Target(f"mailto://127.0.0.1:{port}?from=reconciler@mx1.test&to=admin@mx1.test&mode=insecure"), ALERT)
    (raw,) = messages
    message = message_from_bytes(raw, policy=policy.default)
    assert message["To"].endswith("admin@mx1.test")
    assert message["Subject"] == alerts.subject(ALERT)
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().split() == TEXT.split()


def test_what_a_service_refuses_is_said_without_the_url(receiver: tuple[str, list[dict]]) -> None:
    url, _ = receiver
    with pytest.raises(Undelivered) as refused:
        send(Target(f"{url}/refuse"), ALERT)
    assert SECRET not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert str(refused.value).startswith("json:")


@pytest.mark.parametrize("url", [SECRET, f"nonsense://{SECRET}@host", f"{SECRET}://x"])
def test_25_a_url_that_is_none_is_refused_without_showing_it(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Undelivered) as refused:
        send(Target(url), ALERT)
    out, err = capfd.readouterr()
    assert SECRET not in f"{refused.value!r} {Target(url)!r} {out} {err}"


def test_25_nothing_that_apprise_logs_gets_out(
    receiver: tuple[str, list[dict]], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    url, _ = receiver
    caplog.set_level(0)
    with pytest.raises(Undelivered):
        send(Target(f"{url}/refuse"), ALERT)
    out, err = capfd.readouterr()
    assert SECRET not in caplog.text + out + err


def test_a_recovery_says_so_and_how_it_ended() -> None:
    over = Alert(
        ALERT.group,
        (Notice("mx1.test", "", _healed(), Word.RESOLVED),),
    )
    assert alerts.subject(over) == "[resolved] mx1.test: main.cf/smtpd_tls_security_level: changed outside of git"
    assert "Done: The agent put it back and proved it.\n" in alerts.body(over)


def _healed() -> Incident:
    from dataclasses import replace

    return replace(INCIDENT, resolution=Resolution.HEALED, resolved="2026-11-23T03:20:00+00:00")


def test_many_in_one_message_are_cut_with_where_to_find_the_rest() -> None:
    many = Alert(ALERT.group, ALERT.notices * 25)
    assert alerts.subject(many).startswith("[warning] mx1.test: main.cf/smtpd_tls_security_level and 24 more: ")
    assert alerts.body(many).endswith("\n\nAnd 5 more: reconciler drift\n")


def test_the_same_incident_counted_up_is_the_same_text() -> None:
    from dataclasses import replace

    more = replace(INCIDENT, count=7, last_seen="2026-11-23T09:00:00+00:00", seen_s=900.0, looks=(1, 2, 3))
    again = Alert(ALERT.group, (replace(ALERT.notices[0], incident=more),))
    assert (alerts.subject(again), alerts.body(again)) == (alerts.subject(ALERT), alerts.body(ALERT))
