"""Where snapshots are put and read: a real directory, a real HTTP server, a real git repository."""

from __future__ import annotations

import base64
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.errors import PublishFailed, SnapshotRefused, UsageError
from reconciler.host.certificates import make_self_signed
from reconciler.model.published import MAXIMUM_SIZE
from reconciler.publish.address import Address
from reconciler.publish.places import place

ONE, OTHER = "mx1.example.org", "mx1.example.org@out"


class Server(ThreadingHTTPServer):
    """Keeps what is put under a bearer token, and gives it back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.logins: list[str | None] = []
        self.ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != "Bearer t0ken":
            return self.answer(403, b"")
        self.server.files[self.path] = body
        return self.answer(201, b"")

    def do_GET(self) -> None:
        self.server.logins.append(self.headers.get("Authorization"))
        if self.path.startswith(("/silent/", "/endless/")):
            return self.never_end(speaks=self.path.startswith("/endless/"))
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if self.path.endswith("moved.example.snapshot"):
            self.send_response(302)
            self.send_header("Location", "/snapshots/mx1.example.org.snapshot")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        found = self.server.files.get(self.path)
        return self.answer(404 if found is None else 200, found or b"")

    def never_end(self, *, speaks: bool) -> None:
        if speaks:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
        with suppress(OSError):
            while not self.server.ended.wait(0.02):
                self.wfile.write(b"x" if speaks else b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.ended.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def secured(server, tmp_path, monkeypatch) -> str:
    """The server's address under TLS, with a certificate for `localhost` that this process trusts."""
    key, certificate = make_self_signed(("localhost",), timedelta(days=1), datetime.now(UTC))
    (tmp_path / "server.pem").write_bytes(key + certificate)
    (tmp_path / "trusted.pem").write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return f"https://localhost:{server.server_port}/snapshots"


@pytest.fixture(params=["directory", "address", "address under TLS", "repository"])
def where(request, tmp_path, server) -> str:
    if request.param == "address":
        return f"http://127.0.0.1:{server.server_port}/snapshots"
    if request.param == "address under TLS":
        return str(request.getfixturevalue("secured"))
    if request.param == "repository":
        subprocess.run(["git", "init", "-q", "--bare", tmp_path / "snapshots.git"], check=True)
        return f"git+file://{tmp_path}/snapshots.git"
    return str(tmp_path / "snapshots")


def test_what_was_put_last_is_what_is_read(where):
    it = place(where, "t0ken")
    it.put(ONE, b"old")
    it.put(OTHER, b"other")
    it.put(ONE, b"new")
    with it.reading() as read:
        assert [read(name) for name in (ONE, OTHER, "mx2.example.org")] == [b"new", b"other", None]


@pytest.mark.parametrize("what", ["silent", "endless"])
def test_a_place_that_is_late_for_three_hosts_is_not_asked_for_the_others(server, what):
    it = Address(f"http://127.0.0.1:{server.server_port}/{what}", patience=timedelta(seconds=0.2))
    with it.reading() as read:
        said = [read(f"mx{number}.example.org") for number in range(100)]
    assert all(isinstance(found, SnapshotRefused) for found in said)
    assert ["not asked for" in str(found) for found in said] == [False] * 3 + [True] * 97
    assert len(server.logins) == 3


def test_one_that_is_too_large_is_refused_alone(where):
    it = place(where, "t0ken")
    it.put(ONE, b"x" * (MAXIMUM_SIZE + 1))
    it.put(OTHER, b"other")
    with it.reading() as read:
        assert isinstance(read(ONE), SnapshotRefused)
        assert read(OTHER) == b"other"


@pytest.mark.parametrize("name", ["../x", "x/../../y", "-x", "a b", "", ".", "a@../b", "a@b@c", "x\n"])
def test_a_name_that_is_no_host_is_put_nowhere(where, name):
    with pytest.raises(UsageError):
        place(where, "t0ken").put(name, b"x")


def test_a_directory_holds_whole_files_only_and_follows_no_link(tmp_path):
    it = place(str(tmp_path / "snapshots"))
    it.put(ONE, b"x")
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [f"{ONE}.snapshot"]
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "snapshots" / "mx2.example.org.snapshot").symlink_to(tmp_path / "secret")
    (tmp_path / "snapshots" / "mx3.example.org.snapshot").mkdir()
    with it.reading() as read:
        assert isinstance(read("mx2.example.org"), SnapshotRefused)
        assert isinstance(read("mx3.example.org"), SnapshotRefused)


def test_a_place_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError), place(str(tmp_path / "none")).reading():
        pass
    for where in (f"git+file://{tmp_path}/none.git", "http://127.0.0.1:1/x"):
        with pytest.raises(PublishFailed):
            place(where).put(ONE, b"x")


def test_a_refusing_server_is_an_error_without_the_token(server):
    with pytest.raises(PublishFailed, match="HTTP 403") as caught:
        place(f"http://127.0.0.1:{server.server_port}/snapshots", "wr0ng").put(ONE, b"x")
    assert "wr0ng" not in repr(caught.value)


@pytest.mark.parametrize("where", ["https://u:se@cret@127.0.0.1:1/x", "git+https://u:se@cret@127.0.0.1:1/x"])
def test_guarantee_25_a_password_in_the_address_is_in_no_error(where):
    with pytest.raises(PublishFailed, match=r"https://127\.0\.0\.1:1/x.*") as caught:
        place(where).put(ONE, b"x")
    assert "cret" not in str(caught.value)


def test_a_server_that_is_not_trusted_or_is_another_gets_no_token(secured, server, monkeypatch):
    port = server.server_port
    with pytest.raises(PublishFailed, match=r"certificate verify failed|CERTIFICATE_VERIFY_FAILED"):
        place(f"https://127.0.0.1:{port}/snapshots", "t0ken").put(ONE, b"x")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(PublishFailed, match=r"certificate verify failed|CERTIFICATE_VERIFY_FAILED"):
        place(secured, "t0ken").put(ONE, b"x")
    assert server.files == {}


def test_a_repository_behind_https_gets_the_token_and_it_is_in_no_error_and_follows_no_redirect(secured, server):
    for folder in ("", "moved/"):
        it = place(f"git+https://localhost:{server.server_port}/{folder}state.git", "t0ken")
        with pytest.raises(PublishFailed) as caught:
            it.put(ONE, b"x")
        with pytest.raises(PublishFailed), it.reading():
            pass
        assert "t0ken" not in f"{caught.value!r} {it!r}"
    login = f"Basic {base64.b64encode(b'reconciler:t0ken').decode()}"
    assert server.logins == [login] * 4


def test_a_redirect_is_not_followed(server):
    it = place(f"http://127.0.0.1:{server.server_port}/snapshots", "t0ken")
    it.put(ONE, b"x")
    with it.reading() as read:
        assert isinstance(read("moved.example"), SnapshotRefused)


def test_hosts_never_meet_in_a_repository(tmp_path):
    path = tmp_path / "snapshots.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    for name in (ONE, OTHER, ONE):
        place(f"git+file://{path}").put(name, name.encode())
    refs = subprocess.run(["git", "-C", path, "for-each-ref", "--format=%(refname)"], capture_output=True, check=True)
    assert refs.stdout.decode().split() == [f"refs/snapshots/{ONE}", f"refs/snapshots/{OTHER}"]


def test_many_hosts_of_a_repository_are_read_by_the_processes_of_the_first(tmp_path):
    path = tmp_path / "snapshots.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    names = [f"mx{number}.example.org" for number in range(5)]
    for name in names:
        place(f"git+file://{path}").put(name, name.encode())
    with place(f"git+file://{path}").reading() as read:
        assert read(names[0]) == names[0].encode()
        started = _children()
        assert [read(name) for name in (*names, "mx9.example.org", names[0])] == [
            *(name.encode() for name in names), None, names[0].encode()
        ]  # fmt: skip
        assert _children() == started
    assert not _children() & started


def _children() -> set[str]:
    return {pid for it in Path("/proc/self/task").iterdir() for pid in (it / "children").read_text().split()}


@pytest.mark.parametrize(
    "where",
    [
        "ext::sh", "http://example.org/x", "ftp://x/y", "-x", "", "git+ext::x", "git+http://u:secret@x/y",
        "http://u:a@secret@x/y", "https://x/y?sig=secret", "https://x/y#secret", "http://127.0.0.1/x?secret",
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused_without_its_password(where):
    with pytest.raises(UsageError) as caught:
        place(where)
    assert "secret" not in str(caught.value)


def test_a_relative_path_is_a_directory(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place("here").put(ONE, b"x")
    assert (tmp_path / "here" / f"{ONE}.snapshot").read_bytes() == b"x"
