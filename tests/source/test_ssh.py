"""The state over ssh, from a server of our own: a deploy key, a pinned host key, and what is said where either is wrong."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import SourceUnreadable
from reconciler.host.ports import free_port
from reconciler.host.processes import until
from tests.source.conftest import HOST, Forge, Host, Keys

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd: apt-get install openssh-server")


@dataclass
class Server:
    """An sshd on loopback, and the known_hosts line that pins it."""

    port: int
    known_hosts: Path

    def url(self, path: Path) -> str:
        return f"ssh://root@127.0.0.1:{self.port}{path}"


@pytest.fixture
def server(tmp_path: Path, keys: Keys) -> Iterator[Server]:
    """It lets in whoever holds the key of `deploy`."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # which sshd insists on
    port, allowed, known = free_port(), tmp_path / "authorized_keys", tmp_path / "known_hosts"
    keys.ssh("deploy")
    allowed.write_text(f"{keys.public('deploy')}\n")
    keys.ssh("server")
    known.write_text(f"[127.0.0.1]:{port} {keys.public('server')}\n")
    settings = {
        "ListenAddress": f"127.0.0.1:{port}", "HostKey": keys.ssh("server"), "AuthorizedKeysFile": allowed,
        "StrictModes": "no", "UsePAM": "no", "PasswordAuthentication": "no", "PidFile": "none",
        "PermitRootLogin": "prohibit-password",
    }  # fmt: skip
    options = [f"-o{name}={value}" for name, value in settings.items()]
    with (tmp_path / "sshd.log").open("wb") as log:
        running = subprocess.Popen([str(SSHD), "-D", "-e", "-f", "/dev/null", *options], stderr=log)
    try:
        for _ in until(timedelta(seconds=20)):
            scan = subprocess.run(["ssh-keyscan", "-p", str(port), "127.0.0.1"], capture_output=True, check=False)
            if scan.stdout:
                break
        else:
            pytest.fail((tmp_path / "sshd.log").read_text())
        yield Server(port, known)
    finally:
        running.terminate()
        running.wait()


@pytest.fixture
def over_ssh(host: Host, forge: Forge, server: Server, keys: Keys) -> Host:
    host.remote = replace(
        host.remote,
        url=server.url(forge.remote),
        deploy_key=str(keys.ssh("deploy")),
        known_hosts=str(server.known_hosts),
    )
    return host


def test_the_state_is_fetched_with_a_deploy_key_from_the_server_that_is_pinned(over_ssh: Host, forge: Forge) -> None:
    assert over_ssh.follow().snapshot.revision == forge.head
    newer = forge.commit({HOST: "enforce: all\n"}, signer="bob")
    fetched = over_ssh.follow()
    assert (fetched.snapshot.revision, fetched.snapshot.files[HOST]) == (newer, b"enforce: all\n")


def test_a_server_with_another_key_is_not_believed(over_ssh: Host, server: Server, keys: Keys) -> None:
    keys.ssh("impostor")
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {keys.public('impostor')}\n")
    with pytest.raises(SourceUnreadable, match="Host key verification failed"):
        over_ssh.follow()


def test_a_server_that_nobody_pinned_is_not_believed(over_ssh: Host, server: Server) -> None:
    server.known_hosts.write_text("")
    with pytest.raises(SourceUnreadable, match="Host key verification failed"):
        over_ssh.follow()


def test_another_key_than_the_deploy_key_is_not_let_in(over_ssh: Host, keys: Keys) -> None:
    over_ssh.remote = replace(over_ssh.remote, deploy_key=str(keys.ssh("stranger")))
    with pytest.raises(SourceUnreadable, match="Permission denied") as refusal:
        over_ssh.follow()
    assert "\n" not in str(refusal.value)


def test_while_the_server_is_away_the_last_good_state_is_kept(over_ssh: Host, forge: Forge) -> None:
    over_ssh.follow()
    over_ssh.remote = replace(over_ssh.remote, url=over_ssh.remote.url.replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(SourceUnreadable):
        over_ssh.follow()
    over_ssh.remote = replace(over_ssh.remote, url=over_ssh.remote.url.replace("127.0.0.2", "127.0.0.1"))
    good = over_ssh.source.last_good()
    assert good is not None
    assert good.revision == forge.head
