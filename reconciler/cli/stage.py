"""What the demos play on: a git repository made from the example, private hosts, and partners that they send to.

Nothing below /etc is touched: everything lies in one directory under /tmp, listens on loopback and high ports, and is
stopped and removed at the end, after Ctrl-C too.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.output import style
from reconciler.errors import ReconcilerError, UsageError
from reconciler.postfix.master_cf import parse

if TYPE_CHECKING:
    from git import Repo

    from reconciler.host.instance import PrivateInstance

MX, SUBMIT = "mx1.example.org", "submit1.example.org"
TLS_PEER, PLAIN_PEER = "tls.partner.example", "plain.partner.example"
USER = "alice"

_GROUPS = """
  demo-mx:                               # the demo's partners listen on this machine
    outgoing:
      policies:
        "[127.0.0.1]:{tls}": encrypt
        "[127.0.0.1]:{plain}": encrypt
  demo-submit:
    submission: {{listen: "127.0.0.1:{submission}"}}
    submissions: {{listen: "127.0.0.1:{submissions}"}}
"""


class DemoFailed(ReconcilerError):
    """A step did not end as it shall."""

    reason = "DemoFailed"


def example(named: str) -> Path:
    """The example that was named, or the one that comes with this program.

    Raises UsageError where there is none.
    """
    beside = Path(__file__).parents[2] / "state-repo-example"
    for candidate in (Path(named),) if named else (Path("state-repo-example"), beside):
        if (candidate / "fleet.yaml").is_file():
            return candidate
    raise UsageError(f"{named or 'state-repo-example'}: no example there; name it with --repo")


@dataclass
class Stage:
    """`copies` are hosts beyond the example's own, each by the one whose file it takes."""

    directory: Path
    example: Path
    cleanup: ExitStack
    copies: Mapping[str, str] = field(default_factory=dict)
    partners: dict[str, PrivateInstance] = field(default_factory=dict)
    hosts: dict[str, PrivateInstance] = field(default_factory=dict)

    def start_partners(self) -> None:
        from reconciler.host.certificates import make_self_signed
        from reconciler.host.instance import PrivateInstance

        for name in (TLS_PEER, PLAIN_PEER):
            partner = PrivateInstance.create(self.directory, name)
            if name == TLS_PEER:
                key, certificate = make_self_signed((name,), timedelta(days=1), datetime.now(UTC))
                path = partner.write("tls.pem", key + certificate, mode=0o600)
                partner.configure(smtpd_tls_security_level="may", smtpd_tls_chain_files=path)
            self.partners[name] = self.cleanup.enter_context(partner)

    def start_hosts(self) -> None:
        from reconciler.host.instance import PrivateInstance
        from reconciler.host.sasl import PrivateDovecot

        ways = " ".join(f"{{{name} = smtp:[127.0.0.1]:{it.smtpd_port}}}" for name, it in self.partners.items())
        transport = {"transport_maps": f"inline:{{{ways}}}"}
        for name in (MX, SUBMIT, *self.copies):
            host = PrivateInstance.create(self.directory, name, main_cf_extra=transport)
            self.hosts[name] = self.cleanup.enter_context(host)
        password = secrets.token_urlsafe(12)
        self.cleanup.enter_context(PrivateDovecot(self.hosts[SUBMIT], {USER: password}))
        self.password_file = self.directory / "password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(f"{password}\n")

    def make_repository(self) -> None:
        from git import Actor, Repo

        from reconciler.host.ports import free_port

        self.tree = self.directory / "state"
        shutil.copytree(self.example, self.tree)
        self.git: Repo = self.cleanup.enter_context(Repo.init(self.tree, initial_branch="main"))
        with self.git.config_writer() as settings:
            settings.set_value("user", "name", "demo").set_value("user", "email", "demo@example.org")
        self.author = Actor("demo", "demo@example.org")
        self.commit("The example, as it comes")
        self.ports = {
            "tls": self.partners[TLS_PEER].smtpd_port,
            "plain": self.partners[PLAIN_PEER].smtpd_port,
            "submission": free_port(),
            "submissions": free_port(),
        }
        fleet = self.tree / "fleet.yaml"
        fleet.write_text(fleet.read_text() + _GROUPS.format(**self.ports))
        self.edit(f"hosts/{MX}.yaml", "groups: [base]", "groups: [base, demo-mx]")
        self.edit(f"hosts/{SUBMIT}.yaml", "groups: [base, mailbox]", "groups: [base, mailbox, demo-submit]")
        for name, model in self.copies.items():
            like = (self.tree / f"hosts/{model}.yaml").read_text()
            (self.tree / f"hosts/{name}.yaml").write_text(like.replace(model, name))
        self.commit("Listen on loopback, and send to the partners of the demo")

    @property
    def url(self) -> str:
        return self.tree.as_uri()

    def at(self, name: str) -> tuple[str, ...]:
        """The options that name the repository and a host."""
        host = self.hosts[name]
        return ("--repo", self.url, "-c", host.config_directory, "--state-dir", str(self.directory / "memory" / name))

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.tree / path
        text = file.read_text()
        if old not in text:
            raise DemoFailed(f"{path} of the example has no {old!r} any more; the demo builds on it")
        file.write_text(text.replace(old, new, 1))

    def commit(self, message: str) -> str:
        self.git.git.add("--all")
        made = self.git.index.commit(message, author=self.author, committer=self.author)
        print(f'$ git commit -m "{message}"')
        return made.hexsha

    def service(self, host: PrivateInstance, port: int) -> str:
        """The lines of one service."""
        master_cf = Path(host.config_directory, "master.cf").read_bytes()
        found = next(it for it in parse(master_cf).services if it.name == f"127.0.0.1:{port}")
        return found.raw.decode()

    def by_hand(self, host: PrivateInstance, name: str, old: str, new: str) -> None:
        file = Path(host.config_directory, name)
        text = file.read_text()
        if old not in text:
            raise DemoFailed(f"{name} does not hold {old!r}")
        file.write_text(text.replace(old, new, 1))
        first = old.partition("\n")[0]
        print(f"$ $EDITOR {name}    # {first!r} {'goes' if not new else f'becomes {new!r}'}")

    def configuration(self, name: str) -> dict[str, bytes]:
        root = Path(self.hosts[name].config_directory)
        return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file() and path.suffix != ".db"}

    # --- the playing

    def say(self, text: str) -> None:
        print(f"\n{style().bold}== {text}{style().reset}", flush=True)

    def command(self, expected: int, *argv: str) -> None:
        from reconciler.cli.main import main

        shown = " ".join(argv).replace(str(self.directory), "…")
        print(f"\n$ reconciler {shown}", flush=True)
        code = main(argv)
        sys.stdout.flush()
        sys.stderr.flush()
        print(f"→ exit {code}", flush=True)
        if code != expected:
            logs = "\n".join(f"--- log of {name}\n{host.log()[-3000:]}" for name, host in self.hosts.items())
            raise DemoFailed(f"reconciler {shown}: exit code {code} where {expected} is right\n{logs}")
