"""`reconciler validate`: every file of the state repository, without a host."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repo", metavar="REPO", nargs="?", default=".", help="a directory or a git URL (default: .)")
    parser.add_argument("--branch", default="", help="the branch of a git URL (default: the remote's)")
    parser.add_argument("--path", default="", metavar="DIR", help="where the state lies inside the repository")
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler import desired, source

    repo = source.read(arguments.repo, branch=arguments.branch, subdirectory=arguments.path)
    states = desired.validate(repo)
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render_valid(repo.revision, states))
    else:
        names = ", ".join(state.host + (f"@{state.instance}" if state.instance else "") for state in states)
        write(f"Valid: {len(repo.files)} files, {len(states)} hosts ({names}).\n")
    return 0
