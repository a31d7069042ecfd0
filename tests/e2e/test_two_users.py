"""The two halves as the two users of the units, with the directories that tmpfiles and the units make."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_puller import GIT, PROJECT, STATE, commit, git

pytestmark = [
    pytest.mark.postfix,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed"),
]

PULLER = pwd.getpwnam("nobody")
UNITS = PROJECT / "systemd"
# What the units give the applier, and nothing: the puller has none.
CAPABILITIES = "-all,+setuid,+setgid,+chown,+fowner,+dac_read_search"


def as_puller(argv: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    ids = [
        f"--reuid={PULLER.pw_uid}",
        f"--regid={PULLER.pw_gid}",
        "--clear-groups",
        "--bounding-set=-all",
        "--no-new-privs",
    ]
    return run(["setpriv", *ids, "--", *argv], HOME="/nonexistent", **more)


def as_applier(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return run(
        ["setpriv", f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}", "--no-new-privs", "--", *argv]
    )


def run(argv: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """With the umask of the units."""
    return subprocess.run(argv, cwd=PROJECT, env={**os.environ, **environment}, umask=0o077, check=False,
                          capture_output=True, text=True)  # fmt: skip


@pytest.fixture
def root() -> Iterator[Path]:
    """Where another user can get to; pytest keeps its own directories to one."""
    with tempfile.TemporaryDirectory(prefix="reconciler-test-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def directories(root: Path) -> dict[str, Path]:
    """As systemd-tmpfiles and StateDirectory= make them, below `root`; the modes are read from the files of systemd/."""
    (mode, owner, group) = re.findall(r"^d /var/lib/reconciler-spool +(\d+) (\S+) (\S+) ",
                                      (UNITS / "reconciler.tmpfiles").read_text(), re.MULTILINE)[0]  # fmt: skip
    assert (owner, group) == ("root", "reconciler-puller")
    service = {name: (UNITS / f"{name}.service").read_text() for name in ("reconciler", "reconciler-puller")}
    own = {
        name: int(re.findall(r"^StateDirectoryMode=(\d+)$", text, re.MULTILINE)[0], 8) for name, text in service.items()
    }
    made = {
        "spool": (int(mode, 8), 0, PULLER.pw_gid),
        "puller": (own["reconciler-puller"], PULLER.pw_uid, PULLER.pw_gid),
        "cache": (0o700, PULLER.pw_uid, PULLER.pw_gid),
        "applier": (own["reconciler"], 0, 0),
        "published": (0o700, PULLER.pw_uid, PULLER.pw_gid),
        "node": (0o755, 0, 0),
    }
    for name, (bits, uid, gid) in made.items():
        path = root / name
        path.mkdir(exist_ok=True)
        os.chown(path, uid, gid)
        path.chmod(bits)
    return {name: root / name for name in made}


def test_two_users_hand_over_and_neither_reaches_what_is_the_others(
    site: Callable[..., Any], root: Path, receiver: tuple[int, list[dict[str, Any]]]
) -> None:
    port, got = receiver
    mx, at, argv = site(STATE), directories(root), [sys.executable, "-m", "reconciler"]
    remote, key, allowed = root / "remote", root / "anna", root / "allowed"
    (remote / "hosts").mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    allowed.write_text(f"a@example {key.with_suffix('.pub').read_text()}")
    git(remote, "init", "-q", "-b", "main")
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "true")):
        git(remote, "config", name, value)
    commit(remote, STATE, mx.instance.name)
    bare = root / "state.git"
    subprocess.run(["git", "clone", "-q", "--bare", remote, bare], check=True, env={**os.environ, **GIT})
    for path in (bare, *bare.rglob("*")):
        os.chown(path, PULLER.pw_uid, PULLER.pw_gid)  # whom git believes its own repositories
    anchor = subprocess.run(["git", "-C", remote, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    file = root / "reconciler.toml"
    file.write_text(
        f'[source]\nurl = "file://{bare}"\nbranch = "main"\n[trust]\nsignatures = "required"\n'
        f'allowed_signers = "{allowed}"\nanchor = "{anchor.stdout.strip()}"\n'
        f'[agent]\ntrigger_file = "{root}/trigger"\nfreeze_file = "{root}/freeze"\n'
        f'[instance]\ncache_directory = "{at["cache"]}"\n[metrics]\ntextfile = "{at["node"]}/reconciler.prom"\n'
        f'[publish]\ntarget = "{at["published"]}"\n'
        f'[alerts]\ngroup_wait = "0s"\n[[alerts.routes]]\nurls = ["json://127.0.0.1:{port}"]\n'
    )
    file.chmod(0o640)
    os.chown(file, 0, PULLER.pw_gid)
    for path in (allowed, key.with_suffix(".pub")):
        path.chmod(0o644)
    common = ["--settings", str(file), "--spool", str(at["spool"])]
    pull = [*argv, "pull", "--once", "--state-dir", str(at["puller"]), *common]
    apply = [*argv, "agent", "--once", "--repo", f"handover:{at['puller']}/state", "--branch", "main",
             "-c", mx.instance.config_directory, "--state-dir", str(at["applier"]), *common]  # fmt: skip
    done = as_puller(pull)
    assert done.returncode == 0, done.stdout + done.stderr
    done = as_applier(apply)
    assert (done.returncode, "smtpd_tls_loglevel = 1" in mx.main_cf.read_text()) == (0, True), done.stdout + done.stderr
    mx.main_cf.write_text(mx.main_cf.read_text().replace("smtpd_tls_loglevel = 1", "smtpd_tls_loglevel = 3"))
    done = as_applier(apply)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [it for it in at["spool"].iterdir() if ".alert." in it.name]
    done = as_puller(pull)
    assert done.returncode == 0, done.stdout + done.stderr
    assert any("smtpd_tls_loglevel" in it["title"] for it in got)
    assert (len(list(at["published"].iterdir())), list(at["spool"].iterdir())) == (1, [])
    assert (at["node"] / "reconciler.etc.prom").stat().st_mode & 0o777 == 0o644
    assert list(json.loads(next(at["applier"].glob("handed/*/trust.json")).read_text())["sources"])

    closed = [at["applier"], *at["applier"].rglob("*"), *Path(mx.instance.config_directory).rglob("main.cf")]
    attempt = "import os, sys; sys.exit(any(os.access(it, os.W_OK) for it in sys.argv[1:]))"
    assert as_puller([sys.executable, "-c", attempt, *map(str, closed)]).returncode == 0
    attempt = "import os, sys; sys.exit(any(os.access(it, os.R_OK) for it in sys.argv[1:]))"
    assert as_puller([sys.executable, "-c", attempt, *map(str, closed[:-1])]).returncode == 0
    assert {it.lstat().st_uid for it in (at["puller"], *at["puller"].rglob("*"), *at["cache"].rglob("*"))} == {
        PULLER.pw_uid
    }
