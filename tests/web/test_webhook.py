"""The receiver over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.host.ports import free_port
from reconciler.web.signature import Style, is_genuine
from reconciler.web.webhook import Receiving, Server

SECRET = b"it's a secret to everybody"
BODY = b'{"ref": "refs/heads/main"}'
NOW = 1_800_000_000
DIGEST = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()


def standard(body: bytes = BODY, at: int = NOW, secret: bytes = SECRET) -> dict[str, str]:
    signed = hmac.new(secret, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}


SIGNED = {
    Style.GITHUB: {"X-Hub-Signature-256": f"sha256={DIGEST}"},
    Style.FORGEJO: {"X-Forgejo-Signature": DIGEST},
    Style.GITEA: {"X-Gitea-Signature": DIGEST},
    Style.GITLAB: {"X-Gitlab-Token": SECRET.decode()},
}


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[..., tuple[int, Path]]]:
    servers: list[Server] = []

    def listen(style: Style = Style.GITHUB, **limits) -> tuple[int, Path]:
        trigger = tmp_path / "trigger"
        server = Server("127.0.0.1", 0, Receiving(style, SECRET, str(trigger), clock=lambda: float(NOW), **limits))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server.server_port, trigger

    yield listen
    for server in servers:
        server.shutdown()
        server.server_close()


def post(port: int, headers: dict[str, str], body: bytes = BODY, method: str = "POST") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("style", list(Style))
def test_27_a_signed_push_touches_the_trigger(listening, style: Style) -> None:
    port, trigger = listening(style)
    assert post(port, SIGNED[style]) == 202
    assert (trigger.exists(), trigger.read_bytes()) == (True, b"")


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("wrong", ["none", "other style's", "of another body", "garbage"])
def test_27_what_is_not_signed_with_the_secret_touches_nothing(listening, style: Style, wrong: str) -> None:
    port, trigger = listening(style)
    name, value = next(iter(SIGNED[style].items()))
    other = Style.GITEA if style is Style.GITHUB else Style.GITHUB
    headers = {
        "none": {},
        "other style's": SIGNED[other],
        "of another body": {name: value[:-1] + "~"},
        "garbage": {name: "\xff" * 64},
    }
    assert post(port, headers[wrong]) == 401
    assert not trigger.exists()


def test_27_the_signing_token_of_gitlab_binds_body_and_time(listening) -> None:
    port, trigger = listening(Style.GITLAB)
    assert post(port, standard(b"another")) == 401
    assert post(port, standard(at=NOW - 301)) == 401
    assert not trigger.exists()
    assert post(port, standard(at=NOW - 299)) == 202
    key = b"whsec_" + base64.b64encode(b"k" * 24)
    headers = {name.lower(): value for name, value in standard(secret=b"k" * 24).items()}
    assert is_genuine(Style.GITLAB, key, headers, BODY, NOW)


def test_27_nobody_has_an_empty_secret() -> None:
    assert not is_genuine(Style.GITLAB, b"", {"x-gitlab-token": ""}, BODY, NOW)


def test_27_signatures_are_compared_in_constant_time() -> None:
    source = Path(__file__).parents[2].joinpath("reconciler/web/signature.py").read_text()
    assert "compare_digest" in source
    assert "==" not in source


def test_27_too_large_is_refused_before_it_is_read(listening) -> None:
    port, trigger = listening(max_size=1024)
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n")
        assert b" 413 " in connection.recv(200)
        connection.sendall(b"")
    assert post(port, {"Content-Length": "9" * 40}, b"") == 413
    assert not trigger.exists()


def test_27_a_replayed_push_is_a_touch_and_nothing_else(listening) -> None:
    port, trigger = listening()
    for _ in range(5):
        assert post(port, SIGNED[Style.GITHUB]) == 202
    assert sorted(it.name for it in trigger.parent.iterdir()) == ["trigger"]


def test_27_the_path_of_a_request_leads_nowhere(listening) -> None:
    port, trigger = listening()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/../../etc/passwd?trigger=/etc/passwd", BODY, SIGNED[Style.GITHUB])
    assert connection.getresponse().status == 202
    connection.close()
    assert trigger.exists()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_answered(listening, method: str) -> None:
    port, trigger = listening()
    assert post(port, SIGNED[Style.GITHUB], method=method) == 501
    assert not trigger.exists()


def test_a_body_without_length_is_refused(listening) -> None:
    port, _ = listening()
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert b" 411 " in connection.recv(200)


def test_who_trickles_is_cut_off_and_others_are_answered_meanwhile(listening) -> None:
    port, _ = listening(patience=1.0)
    with socket.create_connection(("127.0.0.1", port), 30) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert post(port, SIGNED[Style.GITHUB]) == 202
        slow.settimeout(30)
        assert b" 400 " in slow.recv(200) + b" 400 "  # cut off, with or without an answer


def test_a_link_in_the_place_of_the_trigger_is_not_followed(listening, tmp_path: Path) -> None:
    port, trigger = listening()
    (tmp_path / "other").write_text("mine")
    before = (tmp_path / "other").stat().st_mtime_ns
    trigger.symlink_to(tmp_path / "other")
    assert post(port, SIGNED[Style.GITHUB]) == 503
    assert (tmp_path / "other").stat().st_mtime_ns == before


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    def start(secret_mode: int = 0o640, listen: str = "") -> subprocess.Popen:
        (tmp_path / "secret").write_bytes(SECRET + b"\n")
        (tmp_path / "secret").chmod(secret_mode)
        (tmp_path / "run").mkdir(mode=0o777)
        (tmp_path / "run").chmod(0o777)
        text = f'[agent]\ntrigger_file = "{tmp_path}/run/trigger"\n[webhook]\nsecret_file = "{tmp_path}/secret"\n'
        text += f'listen = "{listen}"\n' if listen else ""
        (tmp_path / "reconciler.toml").write_text(text)
        argv = [sys.executable, "-m", "reconciler", "webhook", "--settings", str(tmp_path / "reconciler.toml")]
        environment = {"PATH": os.environ["PATH"]}
        return subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)

    return start


def wait_for_port(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("it never listens")


def test_the_command_receives_pushes_and_ends_when_asked(command, tmp_path: Path) -> None:
    port = free_port()
    with command(listen=f"127.0.0.1:{port}") as process:
        wait_for_port(port, process)
        assert post(port, SIGNED[Style.GITHUB]) == 202
        assert (tmp_path / "run/trigger").exists()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert SECRET.decode() not in errors


def test_an_address_that_is_taken_is_named_with_its_setting(command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with command(listen=listen) as process:
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.startswith(f"webhook.listen: {listen}: Address already in use; `ss -ltnp")) == (
        1,
        True,
    ), errors


def test_a_secret_that_everybody_may_read_is_refused(command) -> None:
    with command(secret_mode=0o644) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, "everybody may read it" in errors) == (1, True)


def test_28_servers_listen_on_loopback_unless_the_settings_say_otherwise() -> None:
    """Guarantee 28."""
    from reconciler.cli.webhook import DEFAULT_LISTEN
    from reconciler.settings.metrics import Metrics
    from reconciler.settings.webhook import Webhook

    defaults = [DEFAULT_LISTEN, Metrics().listen, Webhook().listen]
    assert [it for it in defaults if it and not it.startswith(("127.0.0.1:", "[::1]:"))] == []
