"""Users of private instances, who log in through Dovecot or Cyrus as on a real host."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from shutil import chown
from types import TracebackType
from typing import Self

from reconciler.errors import CommandFailed
from reconciler.host.command import ENVIRONMENT, run
from reconciler.host.instance import DidNotStart, PrivateInstance
from reconciler.host.processes import end, group, until

_TIMEOUT = timedelta(seconds=20)
_DOVECOT_USER = "dovecot"  # whom Debian's auth process runs as
_POSTFIX_USER = "postfix"

_DOVECOT_CONF = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {socket} {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
"""

_CYRUS_CONF = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {database}
mech_list: PLAIN LOGIN
"""


@dataclass
class PrivateDovecot:
    """Dovecot with its auth service alone, for `smtpd_sasl_type = dovecot` and `smtpd_sasl_path = private/auth`.

    As a context manager it runs inside the block. `users` maps a name, as it is given to AUTH, to a password.
    """

    instance: PrivateInstance
    users: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def root(self) -> str:
        return f"{self.instance.root}/dovecot"

    @property
    def socket(self) -> str:
        return f"{self.instance.queue_directory}/private/auth"

    @property
    def pid(self) -> int | None:
        """The process that leads the others, None where it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until its socket answers; raises DidNotStart with its log otherwise."""
        for part in ("run", "state"):
            Path(self.root, part).mkdir(parents=True, exist_ok=True)
        users = Path(self.root, "users")
        users.touch(mode=0o600)
        chown(users, _DOVECOT_USER)
        users.write_text("".join(f"{name}:{{PLAIN}}{password}\n" for name, password in self.users.items()))
        configuration = Path(self.root, "dovecot.conf")
        configuration.write_text(_DOVECOT_CONF.format(root=self.root, socket=self.socket))
        argv = ("dovecot", "-F", "-c", str(configuration))
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError as absent:
            raise CommandFailed(argv, why="not installed, or not in PATH") from absent
        try:
            self._wait(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        for _ in until(_TIMEOUT):
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(self.socket) == 0 and probe.recv(16).startswith(b"VERSION"):
                    return
            if process.poll() is not None:
                break
        raise DidNotStart(f"{self.instance.name}: Dovecot gives no auth socket; its log:\n{self.log()}")

    def stop(self) -> None:
        """End it with all its processes. Harmless where it does not run."""
        if self._process is None:
            return
        end(self._process.pid, signal.SIGTERM, _TIMEOUT)
        self._process.wait()
        for pid in group(self._process.pid):
            end(pid, signal.SIGKILL, _TIMEOUT)
        self._process = None

    def log(self) -> str:
        """All that it has logged."""
        path = Path(self.root, "dovecot.log")
        return path.read_text(errors="replace") if path.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def add_cyrus_users(instance: PrivateInstance, users: Mapping[str, str]) -> None:
    """Let smtpd of an instance check passwords by itself: `smtpd_sasl_type = cyrus`, `smtpd_sasl_path = smtpd`.

    Debian's Cyrus reads CONFIG_DIR/sasl/smtpd.conf whatever cyrus_sasl_config_path says. Users belong to the realm of
    the instance's name, which AUTH need not give. Raises CommandFailed.
    """
    directory = Path(instance.root, "sasl")
    directory.mkdir(exist_ok=True)
    database = directory / "sasldb2"
    instance.write("sasl/smtpd.conf", _CYRUS_CONF.format(database=database))
    for name, password in users.items():
        command = ("saslpasswd2", "-p", "-c", "-f", str(database), "-u", instance.name, name)
        run(command, _TIMEOUT, stdin=password.encode())
    chown(database, _POSTFIX_USER)
    database.chmod(0o600)
