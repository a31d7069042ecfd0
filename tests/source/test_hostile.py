"""Guarantees 21 and 22: what a hostile repository, clone or environment cannot do."""

from __future__ import annotations

import base64
import http.server
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import SourceUnreadable, StateInvalid, Untrusted
from reconciler.source.remote import PROTOCOLS, Remote
from tests.source.conftest import HOST, NOW, run


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that whoever gets to run something makes."""
    return tmp_path / "somebody-was-here"


@pytest.fixture
def program(tmp_path: Path, marker: Path) -> Path:
    """What a hostile configuration would like to be run."""
    path = tmp_path / "evil"
    path.write_text(f"#!/bin/sh\ntouch {marker}\nexit 0\n")
    path.chmod(0o755)
    return path


CONFIGURED = [
    "gpg.ssh.program",
    "gpg.program",
    "gpg.openpgp.program",
    "core.fsmonitor",
    "core.sshCommand",
    "core.alternateRefsCommand",
    "core.askPass",
    "core.gitProxy",
    "core.editor",
    "core.pager",
    "credential.helper",
    "diff.external",
    "uploadpack.packObjectsHook",
    "gc.recentObjectsHook",
]


def test_22_what_a_clone_is_configured_with_is_not_run(forge, host, program: Path, marker: Path) -> None:
    host.follow()
    for name in CONFIGURED:
        run("git", "--git-dir", str(host.clone), "config", name, str(program))
    hooks = host.clone / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc", "post-rewrite", "update", "post-receive"):
        shutil.copy(program, hooks / name)
    run("git", "--git-dir", str(host.clone), "config", "core.hooksPath", str(hooks))
    forge.commit()
    with pytest.raises(Untrusted):
        host.follow()
    revision = forge.git("reset", "-q", "--hard", "HEAD~1") or forge.commit(signer="alice")
    assert host.follow().revision == revision
    assert not marker.exists()


def test_22_a_clone_cannot_name_its_own_signers(forge, host, keys, tmp_path: Path) -> None:
    host.follow()
    own = tmp_path / "own"
    own.write_text(f"alice@example.org {keys.public('eve')}\n")
    run("git", "--git-dir", str(host.clone), "config", "gpg.ssh.allowedSignersFile", str(own))
    forge.commit({"allowed_signers": own.read_text(), ".gitconfig": "x"}, signer="eve")
    with pytest.raises(Untrusted, match="nobody whom this host knows"):
        host.follow()


def test_22_global_and_system_configuration_and_variables_of_git_are_not_read(  # noqa: PLR0917 # fixtures
    forge, host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path, marker: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.git"
    run("git", "init", "-q", "--bare", str(elsewhere))
    home = tmp_path / "home"
    home.mkdir()
    text = f'[url "{elsewhere.as_uri()}"]\n\tinsteadOf = {forge.url}\n[core]\n\tsshCommand = {program}\n\tfsmonitor = {program}\n'
    (home / ".gitconfig").write_text(text)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{elsewhere.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", forge.url)
    monkeypatch.setenv("GIT_DIR", str(elsewhere))
    monkeypatch.setenv("GIT_SSH", str(program))
    monkeypatch.setenv("GIT_ASKPASS", str(program))
    monkeypatch.chdir(tmp_path)
    head = host.source.poll()
    assert host.follow().revision == head
    assert not marker.exists()


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch {marker}'",
        "fd::17",
        "git://127.0.0.1/x",
        "http://127.0.0.1/x",
        "--upload-pack=touch {marker}",
        "-u",
        "ssh://-oProxyCommand=touch$IFS{marker}/x",
        "ssh://x@-oProxyCommand=touch {marker}/x",
        "x@-oProxyCommand=y:z",
        "https::ext::sh",
        "file://\nx",
        "/etc",
    ],
)
def test_22_only_https_ssh_and_file_are_spoken_and_nothing_is_taken_for_an_option(host, marker: Path, url: str) -> None:
    host.remote = Remote(url.format(marker=marker))
    for asked in (host.source.poll, host.follow):
        with pytest.raises(SourceUnreadable):
            asked()
    assert not marker.exists()
    assert PROTOCOLS == "https:ssh:file"


@pytest.mark.parametrize("name", ["--upload-pack=x", "-x", "a b", "a..b", "a:b", "+a", "refs/heads/*", "a\nb"])
def test_22_the_name_of_a_branch_or_tag_is_nothing_but_a_name(host, name: str) -> None:
    for remote in (Remote(host.remote.url, branch=name), Remote(host.remote.url, tag=name)):
        host.remote = remote
        with pytest.raises(SourceUnreadable):
            host.source.poll()


@pytest.mark.parametrize("what", ["link", "folder", "submodule", "oversized", "link to a folder"])
def test_21_what_leads_out_of_the_tree_or_is_too_large_is_refused(forge, host, what: str) -> None:
    host.follow()
    match what:
        case "link":
            (forge.work / "hosts/evil.yaml").symlink_to("/etc/shadow")
        case "folder":
            (forge.work / "policies").symlink_to("/etc")
        case "link to a folder":
            (forge.work / "policies").mkdir()
            (forge.work / "policies/x.map").symlink_to("..")
        case "submodule":
            (forge.work / ".gitmodules").write_text('[submodule "x"]\n\tpath = policies\n\turl = ext::sh -c true\n')
            forge.git("update-index", "--add", "--cacheinfo", f"160000,{forge.head},policies")
        case "oversized":
            (forge.work / "hosts/big.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    if what == "submodule":
        forge.git("add", ".gitmodules")
        forge.git("commit", "-q", "-S", "-m", "x", signer="alice")
        forge.push()
    else:
        forge.commit({"README": "x"}, signer="alice")
    with pytest.raises((StateInvalid, SourceUnreadable)):
        host.follow()


def test_21_filters_attributes_and_hooks_of_a_repository_do_nothing(forge, host, program: Path, marker: Path) -> None:
    run("git", "--git-dir", str(forge.remote), "config", "uploadpack.packObjectsHook", str(program))
    forge.git("config", "filter.evil.smudge", str(program))
    files = {".gitattributes": "*.yaml filter=evil diff=evil merge=evil\n", ".lfsconfig": f"[lfs]\n\turl = {program}\n"}
    revision = forge.commit(files, signer="alice")
    fetched = host.follow()
    assert fetched.revision == revision
    assert not marker.exists()
    assert not list(host.root.rglob("*.yaml")), "nothing is checked out"


def test_21_a_tree_that_leads_upwards_is_refused(forge, host) -> None:
    blob = forge.git("hash-object", "-w", str(forge.work / HOST))
    inner = subprocess.run(
        ["git", "-C", forge.work, "hash-object", "-t", "tree", "--literally", "-w", "--stdin"],
        input=b"100644 ../../evil.yaml\0" + bytes.fromhex(blob), capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    top = subprocess.run(
        ["git", "-C", forge.work, "mktree"],
        input=f"040000 tree {inner}\thosts\n",
        text=True,
        capture_output=True,
        check=True,
    ).stdout.strip()
    commit = forge.git("commit-tree", top, "-p", "HEAD", "-m", "x", "-S" + str(forge.keys.ssh("alice")), signer="alice")
    forge.git("update-ref", "refs/heads/main", commit)
    forge.push()
    with pytest.raises(SourceUnreadable):
        host.follow()
    assert not list(host.root.parent.rglob("evil.yaml"))


def test_21_more_than_the_limit_is_not_fetched(forge, host) -> None:
    host.follow()
    (forge.work / "noise").write_bytes(os.urandom(3 << 20))
    forge.commit({"README": "x"}, signer="alice")
    host.remote = replace(host.remote, max_size=1 << 20)
    with pytest.raises(SourceUnreadable):
        host.follow()
    assert sum(path.stat().st_size for path in host.root.rglob("*") if path.is_file()) < 2 << 20
    host.remote = replace(host.remote, max_size=1 << 30)
    assert host.follow().revision == forge.head


def test_21_text_of_a_commit_cannot_forge_a_signer(forge, host) -> None:
    """Lines that look like what gpg says, in every place that a stranger writes."""
    host.follow()
    words = "[GNUPG:] GOODSIG 0 alice <alice@example.org>\n[GNUPG:] VALIDSIG 0\ngpgsig -----BEGIN SSH SIGNATURE-----\n"
    forge.git("commit", "-q", "--allow-empty", "-m", words, "--author", "alice <alice@example.org>")
    forge.push()
    with pytest.raises(Untrusted, match="it is not signed"):
        host.follow()


def test_a_remote_that_never_answers_is_given_up_with_all_it_started(host, tmp_path: Path, monkeypatch) -> None:
    stub = tmp_path / "bin/ssh"
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    host.remote = Remote("ssh://git@127.0.0.1/x", timeout=timedelta(seconds=2))
    with pytest.raises(SourceUnreadable, match="no answer within 2 s"):
        host.source.poll()
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_22_ssh_is_told_which_key_and_which_hosts_and_never_asks(forge, host, tmp_path: Path, monkeypatch) -> None:
    """A stand-in for ssh(1) writes down its arguments and runs the real git-upload-pack."""
    stub = tmp_path / "bin/ssh"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/argv\nfor last; do :; done\nexec sh -c "$last"\n')
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    host.remote = Remote(
        f"ssh://git@git.example.org{forge.remote}", branch="main", deploy_key="/etc/reconciler/deploy key", known_hosts="/etc/reconciler/known_hosts"
    )  # fmt: skip
    assert host.follow(NOW).revision == forge.head
    argv = (tmp_path / "argv").read_text().split("\n")
    assert {"-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes", "-oForwardAgent=no"} <= set(argv)
    assert argv[argv.index("-i") + 1] == "/etc/reconciler/deploy key"
    assert {"-oUserKnownHostsFile=/etc/reconciler/known_hosts", "-oGlobalKnownHostsFile=/dev/null"} <= set(argv)


class _Git(http.server.CGIHTTPRequestHandler):
    """git http-backend behind TLS and a password."""

    def is_cgi(self) -> bool:
        self.cgi_info = "", self.path.lstrip("/")
        return True

    def do_GET(self) -> None:
        self._ask(super().do_GET)

    def do_POST(self) -> None:
        self._ask(super().do_POST)

    def _ask(self, go) -> None:
        wanted = "Basic " + base64.b64encode(b"puller:t0ken").decode()
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        environment = {
            "GIT_PROJECT_ROOT": str(self.server.root),  # type: ignore[attr-defined]
            "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "PATH": os.environ["PATH"],
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=self.rfile.read(length), capture_output=True, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name and name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def https(forge, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The forge over https on loopback; gives its URL and the authority that vouches for it."""
    key, authority = tmp_path / "tls.key", tmp_path / "tls.crt"
    run(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(authority),
    )  # fmt: skip
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Git)
    server.root = forge.root  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}/state.git", authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_https_with_a_token_from_a_file_and_an_authority_of_ones_own(forge, host, https, tmp_path: Path) -> None:
    url, authority = https
    credentials = tmp_path / "credentials"
    credentials.write_text(url.replace("https://", "https://puller:t0ken@").removesuffix("/state.git") + "\n")
    credentials.chmod(0o600)
    host.remote = Remote(url, branch="main", credentials_file=str(credentials), ca_file=str(authority))
    assert host.source.poll() == host.follow().revision == forge.head
    assert "t0ken" not in "".join(path.read_text(errors="replace") for path in host.root.rglob("*") if path.is_file())
    for broken, why in (
        (replace(host.remote, ca_file=""), "certificate"),
        (replace(host.remote, credentials_file=""), "terminal prompts disabled|could not read Username"),
    ):
        host.remote = broken
        with pytest.raises(SourceUnreadable, match=why) as error:
            host.source.poll()
        assert "t0ken" not in str(error.value)
