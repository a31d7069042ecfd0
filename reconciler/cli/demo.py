"""`reconciler demo`: the main job on the example repository, against private Postfix instances."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from reconciler.cli.output import style
from reconciler.cli.stage import MX, PLAIN_PEER, SUBMIT, TLS_PEER, USER, DemoFailed, Stage, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", metavar="DIR", default="", help="the example (default: state-repo-example)")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.host.instance import workspace

    found = example(arguments.repo)
    with workspace("reconciler-demo-") as directory, ExitStack() as cleanup:
        _Demo(Path(directory), found, cleanup).play()
    print(f"\n{style().bold}The demo ended as it shall; everything it started is stopped.{style().reset}")
    return 0


class _Demo(Stage):
    """One showing: a repository, two hosts, two partners they send to."""

    def play(self) -> None:
        self.say("Two hosts and two partners, one of which speaks no TLS; a git repository made from the example")
        self.start_partners()
        self.start_hosts()
        self.make_repository()
        self.command(0, "validate", self.url)
        for name in (MX, SUBMIT):
            self.say(f"{name}: what would change, and the change itself")
            self.command(2, "plan", *self.at(name), "--detailed-exitcode")
            self.command(0, "apply", *self.at(name), "--auto-approve")
        self.say("Proven over SMTP: certificates, ports 587 and 465, forced TLS for a destination and for a sender")
        self.command(0, "verify", *self.at(MX), *self.sending())
        self.command(0, "verify", *self.at(SUBMIT), *self.login())
        self.say("Nothing is left to change")
        for name in (MX, SUBMIT):
            self.command(0, "plan", *self.at(name), "--detailed-exitcode")
        self.drift()
        self.revert()
        self.refuse()
        self.prove()

    def drift(self) -> None:
        self.say("By hand: a line commented out, a row without postmap, a service removed. Seen, recorded, healed")
        host = self.hosts[SUBMIT]
        self.by_hand(host, "main.cf", "smtpd_tls_security_level = may", "#smtpd_tls_security_level = may")
        self.by_hand(host, "tls_policy", "[mx1.example.org] encrypt", "[mx1.example.org] none")
        self.by_hand(host, "master.cf", self.service(host, self.ports["submissions"]), "")
        self.command(2, "plan", *self.at(SUBMIT), "--detailed-exitcode")
        self.command(0, "apply", *self.at(SUBMIT), "--auto-approve")
        self.command(0, "drift", *self.at(SUBMIT)[2:])
        self.command(0, "plan", *self.at(SUBMIT), "--detailed-exitcode")
        self.command(0, "verify", *self.at(SUBMIT), *self.login())

    def revert(self) -> None:
        self.say("A commit forces TLS to one more destination; git revert brings the old state back, to the byte")
        before = self.configuration(MX)
        self.edit("policies/partners.map", "insurance.example", "shipping.example      encrypt\ninsurance.example")
        commit = self.commit("Shipping speaks TLS now")
        self.command(0, "apply", *self.at(MX), "--auto-approve")
        self.git.git.revert("--no-edit", commit)
        print(f"$ git revert {commit[:12]}")
        self.command(0, "apply", *self.at(MX), "--auto-approve")
        if self.configuration(MX) != before:
            raise DemoFailed("git revert did not bring the old files back")
        print("main.cf, master.cf and every table are as they were before that commit")

    def refuse(self) -> None:
        self.say("A commit with a mistake is refused where it stands, and changes nothing")
        self.edit(f"hosts/{MX}.yaml", "security_level: may ", "security_level: encryp ")
        commit = self.commit("Encrypt everything")
        self.command(1, "plan", *self.at(MX))
        self.git.git.revert("--no-edit", commit)

    def prove(self) -> None:
        """The table at the end: every proof, of both hosts."""
        from reconciler.host.programs import Postfix
        from reconciler.loop.look import look
        from reconciler.loop.place import Where
        from reconciler.model.proof import Outcome, Proof
        from reconciler.probe.smtp import Credentials
        from reconciler.report.text import render_proofs
        from reconciler.verify.proofs import verify

        self.say("Every proof, once more")
        auth = Credentials(USER, self.password_file.read_text().strip())
        proofs: list[Proof] = []
        for name, send in ((MX, self.recipients), (SUBMIT, ())):
            directory = self.hosts[name].config_directory
            sight = look(Where(self.url, directory, str(self.directory / "memory" / name)))
            proofs += verify(sight.live, sight.desired, Postfix(directory), auth=auth, send_to=send)
        print(render_proofs(proofs, style()).replace(str(self.directory), "…"), end="")
        if any(proof.outcome is Outcome.FAILED for proof in proofs):
            raise DemoFailed("a proof failed")

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(f"postmaster@{name}" for name in (TLS_PEER, PLAIN_PEER))

    def sending(self) -> tuple[str, ...]:
        return tuple(word for recipient in self.recipients for word in ("--send", recipient))

    def login(self) -> tuple[str, ...]:
        return ("--auth-user", USER, "--auth-password-file", str(self.password_file))
