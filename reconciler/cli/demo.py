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
from reconciler.postfix.master_cf import parse

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
            self.say(f"{name}: what would change, and the change itself")
            self.command(2, "plan", *self.at(name), "--detailed-exitcode")
            self.command(0, "apply", *self.at(name), "--auto-approve")
        self.say("Proven over SMTP: certificates, ports 587 and 465, forced TLS for a destination and for a sender")
        self.command(0, "verify", *self.at(_MX), *self.sending())
        self.command(0, "verify", *self.at(_SUBMIT), *self.login())
        self.say("Nothing is left to change")
        for name in (_MX, _SUBMIT):
            self.command(0, "plan", *self.at(name), "--detailed-exitcode")
        self.drift()
        self.revert()
        self.refuse()
        self.prove()

    def drift(self) -> None:
        self.say("By hand: a line commented out, a row without postmap, a service removed. Seen, recorded, healed")
        host = self.hosts[_SUBMIT]
        self.by_hand(host, "main.cf", "smtpd_tls_security_level = may", "#smtpd_tls_security_level = may")
        self.by_hand(host, "tls_policy", "[mx1.example.org] encrypt", "[mx1.example.org] none")
        self.by_hand(host, "master.cf", self.service(host, self.ports["submissions"]), "")
        self.command(2, "plan", *self.at(_SUBMIT), "--detailed-exitcode")
        self.command(0, "apply", *self.at(_SUBMIT), "--auto-approve")
        self.command(0, "drift", *self.at(_SUBMIT)[2:])
        self.command(0, "plan", *self.at(_SUBMIT), "--detailed-exitcode")
        self.command(0, "verify", *self.at(_SUBMIT), *self.login())

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

    def revert(self) -> None:
        self.say("A commit forces TLS to one more destination; git revert brings the old state back, to the byte")
        before = self.configuration(_MX)
        self.edit("policies/partners.map", "insurance.example", "shipping.example      encrypt\ninsurance.example")
        commit = self.commit("Shipping speaks TLS now")
        self.command(0, "apply", *self.at(_MX), "--auto-approve")
        self.git.git.revert("--no-edit", commit)
        print(f"$ git revert {commit[:12]}")
        self.command(0, "apply", *self.at(_MX), "--auto-approve")
        if self.configuration(_MX) != before:
            raise DemoFailed("git revert did not bring the old files back")
        print("main.cf, master.cf and every table are as they were before that commit")

    def refuse(self) -> None:
        self.say("A commit with a mistake is refused where it stands, and changes nothing")
        self.edit(f"hosts/{_MX}.yaml", "security_level: may ", "security_level: encryp ")
        commit = self.commit("Encrypt everything")
        self.command(1, "plan", *self.at(_MX))
        self.git.git.revert("--no-edit", commit)

    def prove(self) -> None:
        """The table at the end: every proof, of both hosts."""
        from reconciler.host.programs import Postfix
        from reconciler.loop.look import Where, look
        from reconciler.model.proof import Outcome, Proof
        from reconciler.probe.smtp import Credentials
        from reconciler.report.text import render_proofs
        from reconciler.verify.proofs import verify

        self.say("Every proof, once more")
        auth = Credentials(_USER, self.password_file.read_text().strip())
        proofs: list[Proof] = []
        for name, send in ((_MX, self.recipients), (_SUBMIT, ())):
            directory = self.hosts[name].config_directory
            sight = look(Where(self.url, directory, str(self.directory / "memory" / name)))
            proofs += verify(sight.live, sight.desired, Postfix(directory), auth=auth, send_to=send)
        print(render_proofs(proofs, style()).replace(str(self.directory), "…"), end="")
        if any(proof.outcome is Outcome.FAILED for proof in proofs):
            raise DemoFailed("a proof failed")

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(f"postmaster@{name}" for name in (_TLS_PEER, _PLAIN_PEER))

    def sending(self) -> tuple[str, ...]:
        return tuple(word for recipient in self.recipients for word in ("--send", recipient))

    def login(self) -> tuple[str, ...]:
        return ("--auth-user", _USER, "--auth-password-file", str(self.password_file))

    def configuration(self, name: str) -> dict[str, bytes]:
        root = Path(self.hosts[name].config_directory)
        return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file() and path.suffix != ".db"}

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
        self.ports = {
            "tls": self.partners[_TLS_PEER].smtpd_port,
            "plain": self.partners[_PLAIN_PEER].smtpd_port,
            "submission": free_port(),
            "submissions": free_port(),
        }
        fleet = self.tree / "fleet.yaml"
        fleet.write_text(fleet.read_text() + _GROUPS.format(**self.ports))
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
