"""`reconciler demo`: the main job on the example repository, against private Postfix instances.

Nothing below /etc is touched: everything lies in one directory under /tmp, listens on loopback and high ports, and is
stopped and removed at the end, after Ctrl-C too.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.output import style
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from git import Repo

    from reconciler.host.instance import PrivateInstance

_MX, _SUBMIT = "mx1.example.org", "submit1.example.org"
_TLS_PEER, _PLAIN_PEER = "tls.partner.example", "plain.partner.example"
_USER = "alice"

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", metavar="DIR", default="", help="the example (default: state-repo-example)")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.host.instance import workspace

    example = _example(arguments.repo)
    with workspace("reconciler-demo-") as directory, ExitStack() as cleanup:
        _Demo(Path(directory), example, cleanup).play()
    print(f"\n{style().bold}The demo ended as it shall; everything it started is stopped.{style().reset}")
    return 0


def _example(named: str) -> Path:
    beside = Path(__file__).parents[2] / "state-repo-example"
    for candidate in (Path(named),) if named else (Path("state-repo-example"), beside):
        if (candidate / "fleet.yaml").is_file():
            return candidate
    raise UsageError(f"{named or 'state-repo-example'}: no example there; name it with --repo")


@dataclass
class _Demo:
    """One showing: a repository, two hosts, two partners they send to."""

    directory: Path
    example: Path
    cleanup: ExitStack
    partners: dict[str, PrivateInstance] = field(default_factory=dict)
    hosts: dict[str, PrivateInstance] = field(default_factory=dict)

    def play(self) -> None:
        self.say("Two hosts and two partners, one of which speaks no TLS; a git repository made from the example")
        self.start_partners()
        self.start_hosts()
        self.make_repository()
        self.command(0, "validate", self.url)
        for name in (_MX, _SUBMIT):
            self.say(f"{name}: what would change, the change itself, and that nothing is left to change")
            self.command(2, "plan", *self.at(name), "--detailed-exitcode")
            self.command(0, "apply", *self.at(name), "--auto-approve")
            self.command(0, "plan", *self.at(name), "--detailed-exitcode")
        self.prove()
        self.drift()
        self.revert()
        self.refuse()

    def prove(self) -> None:
        self.say("Proven over SMTP: certificates, port 587, and forced TLS for a destination and for a sender")
        send = [f"postmaster@{name}" for name in (_TLS_PEER, _PLAIN_PEER)]
        self.command(0, "verify", *self.at(_MX), *(word for it in send for word in ("--send", it)))
        login = ("--auth-user", _USER, "--auth-password-file", str(self.password_file))
        self.command(0, "verify", *self.at(_SUBMIT), *login)

    def drift(self) -> None:
        self.say("Somebody comments a line out by hand; the plan names it, apply heals it")
        main_cf = Path(self.hosts[_MX].config_directory, "main.cf")
        line = "smtpd_tls_security_level = may"
        main_cf.write_text(main_cf.read_text().replace(line, f"#{line}"))
        print(f"$ sed -i 's/^{line}/#&/' main.cf")
        self.command(2, "plan", *self.at(_MX), "--detailed-exitcode")
        self.command(0, "apply", *self.at(_MX), "--auto-approve")
        self.command(0, "verify", *self.at(_MX))

    def revert(self) -> None:
        self.say("A commit forces TLS to one more destination; git revert takes it back")
        self.edit("policies/partners.map", "insurance.example", "shipping.example      encrypt\ninsurance.example")
        commit = self.commit("Shipping speaks TLS now")
        self.command(0, "apply", *self.at(_MX), "--auto-approve")
        self.git.git.revert("--no-edit", commit)
        print(f"$ git revert {commit[:12]}")
        self.command(0, "apply", *self.at(_MX), "--auto-approve")

    def refuse(self) -> None:
        self.say("A commit with a mistake is refused where it stands, and changes nothing")
        self.edit(f"hosts/{_MX}.yaml", "security_level: may ", "security_level: encryp ")
        self.commit("Encrypt everything")
        self.command(1, "plan", *self.at(_MX))

    # --- the stage

    def start_partners(self) -> None:
        from reconciler.host.certificates import make_self_signed
        from reconciler.host.instance import PrivateInstance

        for name in (_TLS_PEER, _PLAIN_PEER):
            partner = PrivateInstance.create(self.directory, name)
            if name == _TLS_PEER:
                key, certificate = make_self_signed((name,), timedelta(days=1), datetime.now(UTC))
                path = partner.write("tls.pem", key + certificate, mode=0o600)
                partner.configure(smtpd_tls_security_level="may", smtpd_tls_chain_files=path)
            self.partners[name] = self.cleanup.enter_context(partner)

    def start_hosts(self) -> None:
        from reconciler.host.instance import PrivateInstance
        from reconciler.host.sasl import PrivateDovecot

        ways = " ".join(f"{{{name} = smtp:[127.0.0.1]:{it.smtpd_port}}}" for name, it in self.partners.items())
        transport = {"transport_maps": f"inline:{{{ways}}}"}
        for name in (_MX, _SUBMIT):
            host = PrivateInstance.create(self.directory, name, main_cf_extra=transport)
            self.hosts[name] = self.cleanup.enter_context(host)
        password = secrets.token_urlsafe(12)
        self.cleanup.enter_context(PrivateDovecot(self.hosts[_SUBMIT], {_USER: password}))
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
        ports = {
            "tls": self.partners[_TLS_PEER].smtpd_port,
            "plain": self.partners[_PLAIN_PEER].smtpd_port,
            "submission": free_port(),
            "submissions": free_port(),
        }
        fleet = self.tree / "fleet.yaml"
        fleet.write_text(fleet.read_text() + _GROUPS.format(**ports))
        self.edit(f"hosts/{_MX}.yaml", "groups: [base]", "groups: [base, demo-mx]")
        self.edit(f"hosts/{_SUBMIT}.yaml", "groups: [base, mailbox]", "groups: [base, mailbox, demo-submit]")
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
