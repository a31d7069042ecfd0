"""`reconciler demo-review`: a change of three private hosts, its review, and the review held against what apply did.

The "pull request" is two refs of a repository. The review sees no host: it reads what each of them has published.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from reconciler.cli.output import style
from reconciler.cli.stage import MX, SUBMIT, DemoFailed, Stage, example

_SECOND = "mx2.example.org"
_HOSTS = (MX, _SECOND, SUBMIT)
_TOPIC = "topic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", metavar="DIR", default="", help="the example (default: state-repo-example)")
    parser.add_argument(
        "--html", metavar="FILE", default="demo-review.html", help="where the page goes (default: demo-review.html)"
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.host.instance import workspace

    found, page = example(arguments.repo), Path(arguments.html).absolute()
    page.parent.mkdir(parents=True, exist_ok=True)
    with workspace("reconciler-demo-") as directory, ExitStack() as cleanup:
        _Review(Path(directory), found, cleanup, {_SECOND: MX}, page=page).play()
    print(f"\n{style().bold}What the review showed is what apply did. The page: {page}{style().reset}")
    return 0


@dataclass
class _Review(Stage):
    """One showing: three hosts that publish, one change, its review, its merge."""

    page: Path = Path("demo-review.html")

    def play(self) -> None:
        self.say("Three hosts that are as git says; each publishes a redacted snapshot, signed with a key of its own")
        self.start_partners()
        self.start_hosts()
        self.make_repository()
        for name in _HOSTS:
            self.told("apply", *self.at(name), "--auto-approve")
        self.by_hand(self.hosts[_SECOND], "main.cf", "smtp_tls_loglevel = 1", "smtp_tls_loglevel = 0")
        for name in _HOSTS:
            self.publish(name)
        self.say("A pull request: the refs main and topic")
        self.propose()
        self.say("Its review, as the comment shows it")
        shown = self.review()
        self.say("Merged, and applied on each host; every change that was shown is held against what was done")
        self.git.git.checkout("main")
        self.git.git.merge("--ff-only", _TOPIC)
        print(f"$ git merge {_TOPIC}")
        for name in _HOSTS:
            self.compare(name, shown[name])

    def publish(self, name: str) -> None:
        self.command(0, "snapshot", *self.at(name), "--out", str(self.published))
        with self.signers.open("a") as file:
            file.write(self.told("snapshot", *self.at(name), "--public-key"))

    def propose(self) -> None:
        self.git.git.checkout("-b", _TOPIC)
        self.edit("policies/partners.map", "insurance.example", "shipping.example      encrypt\ninsurance.example")
        self.edit(
            "fleet.yaml",
            "loglevel: 1                        # a line",
            "loglevel: 2                        # two lines",
        )
        self.edit(f"hosts/{SUBMIT}.yaml", 'mandatory_protocols: ">=TLSv1.2"', 'mandatory_protocols: ">=TLSv1.3"')
        self.commit("Shipping speaks TLS; users do 1.3")

    def review(self) -> dict[str, Any]:
        """Print the comment, write the page, and give the plan of each host as its JSON has it."""
        request = (
            "--base", "main", "--head", _TOPIC, "--repo", str(self.tree), "--snapshots", str(self.published),
            "--allowed-signers", str(self.signers),
        )  # fmt: skip
        document = self.directory / "review.json"
        self.command(0, "review", *request, "--format", "markdown", "--also", str(document))
        self.command(0, "review", *request, "--format", "html", "--out", str(self.page))
        review = json.loads(document.read_text())
        return {host["host"]: host["plan"] for host in review["hosts"]}

    def compare(self, name: str, shown: dict[str, Any]) -> None:
        """Apply, and hold what was done against what was shown.

        Raises DemoFailed where they differ by a single change, or where a plan afterwards is not empty.
        """
        done = json.loads(self.told("apply", *self.at(name), "--auto-approve", "--format", "json"))
        print(f"\n{name}")
        for one, other in zip(shown["changes"], done["changes"], strict=False):
            print(f"  {'=' if one == other else '≠'} {_said(one)}")
        if wrong := disagreement(shown, done):
            raise DemoFailed(f"{name}: {wrong}")
        if json.loads(self.told("plan", *self.at(name), "--format", "json"))["changes"]:
            raise DemoFailed(f"{name}: something is left to change")
        print(f"  {len(done['changes'])} shown, {len(done['changes'])} done, nothing left")

    def told(self, *argv: str) -> str:
        """What a command writes, without showing it.

        Raises DemoFailed where it fails.
        """
        from reconciler.cli.main import main

        kept = StringIO()
        with redirect_stdout(kept):
            code = main(argv)
        if code:
            raise DemoFailed(f"reconciler {argv[0]}: exit code {code} where 0 is right\n{kept.getvalue()}")
        return kept.getvalue()

    @property
    def published(self) -> Path:
        return self.directory / "snapshots"

    @property
    def signers(self) -> Path:
        return self.directory / "allowed-signers"


def disagreement(shown: dict[str, Any], done: dict[str, Any]) -> str | None:
    """The first thing in which a plan that was shown is not the one that was carried out."""
    for what in ("changes", "drift", "observed", "guards", "actions", "summary"):
        if shown[what] != done[what]:
            return f"{what} shown is not what was done:\n{shown[what]}\n{done[what]}"
    applied = done["applied"]
    return None if applied["written"] or applied["built"] or applied["removed"] else "nothing was done"


def _said(change: dict[str, Any]) -> str:
    before, after = (change[it] if change[it] is not None else "absent" for it in ("before", "after"))
    return f"{change['address']}: {before} → {after} ({change['why']})"
