"""The options that say which state and which instance, the same in every command."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.loop.look import Where

STATE_DIRECTORY = "/var/lib/reconciler"


def add_repo(parser: argparse.ArgumentParser, *, default: str = ".", told: str = ".") -> None:
    what = f"the state repository: a directory or a git URL (default: {told})"
    parser.add_argument("--repo", metavar="DIR|URL", default=default, help=what)
    parser.add_argument("--branch", default="", help="the branch of a git URL (default: the remote's)")
    parser.add_argument("--path", default="", metavar="DIR", help="where the state lies inside the repository")


def add_instance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="", help="the host file to use (default: the instance's myhostname)")
    parser.add_argument("--instance", default="", help="the instance (default: its multi_instance_name)")
    add_directory(parser)
    parser.add_argument(
        "--state-dir",
        metavar="DIR",
        default=os.environ.get("RECONCILER_STATE_DIR", STATE_DIRECTORY),
        help=f"where this program keeps what it last applied (default: $RECONCILER_STATE_DIR, else {STATE_DIRECTORY})",
    )


def add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config-dir",
        metavar="DIR",
        default="/etc/postfix",
        help="the Postfix configuration directory, as -c is to Postfix (default: /etc/postfix)",
    )


def add_format(parser: argparse.ArgumentParser, *more: str) -> None:
    parser.add_argument("--format", choices=("text", "json", *more), default="text", help="the form of the output")


def of(arguments: argparse.Namespace) -> Where:
    """The options as what one pass takes."""
    from reconciler.loop.look import Where

    return Where(
        repo=arguments.repo,
        config_directory=arguments.config_dir,
        state_directory=arguments.state_dir,
        host=arguments.host,
        instance=arguments.instance,
        branch=arguments.branch,
        subdirectory=arguments.path,
    )
