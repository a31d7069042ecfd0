"""The options that say which state and which instance, the same in every command, and what stands in for absent ones.

An option that was not given is None until `settle`: then it is what the settings of this host say, else the default.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.frozen import dataclass, replace
from reconciler.settings.present import DEFAULT_FILE, present

if TYPE_CHECKING:
    from reconciler.loop.place import Where
    from reconciler.settings.model import Settings

CONFIG_DIRECTORY = "/etc/postfix"
STATE_DIRECTORY = "/var/lib/reconciler"
_DEFAULTS = {
    "repo": ".",
    "branch": "",
    "path": "",
    "host": "",
    "instance": "",
    "config_dir": CONFIG_DIRECTORY,
    "state_dir": STATE_DIRECTORY,
}


def add_repo(parser: argparse.ArgumentParser, *, default: str = ".", told: str = ".") -> None:
    what = f"the state repository: a directory or a git URL (default: source.url of the settings, else {told})"
    parser.add_argument("--repo", metavar="DIR|URL", help=what)
    parser.add_argument("--branch", help="the branch of a git URL (default: source.branch, else the remote's)")
    parser.add_argument("--path", metavar="DIR", help="where the state lies inside it (default: source.subdirectory)")
    parser.set_defaults(otherwise={"repo": default})
    add_settings(parser)


def add_instance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="the host file to use (default: instance.host, else the instance's myhostname)")
    parser.add_argument("--instance", help="the instance (default: instance.name, else its multi_instance_name)")
    add_directory(parser)
    parser.add_argument(
        "--state-dir",
        metavar="DIR",
        help="where this program keeps what it last applied (default: $RECONCILER_STATE_DIR, else "
        f"instance.state_directory, else {STATE_DIRECTORY})",
    )


def add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config-dir",
        metavar="DIR",
        help="the Postfix configuration directory, as -c is to Postfix (default: instance.config_directory, else "
        f"{CONFIG_DIRECTORY})",
    )
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    if parser.get_default("settings") is not None:
        return
    parser.add_argument(
        "--settings", metavar="FILE", default="", help=f"the settings of this program (default: {DEFAULT_FILE})"
    )


def add_format(parser: argparse.ArgumentParser, *more: str) -> None:
    parser.add_argument("--format", choices=("text", "json", *more), default="text", help="the form of the output")


def settle(arguments: argparse.Namespace) -> None:
    """Give every option that was not written its value.

    Raises SettingsInvalid.
    """
    if "settings" not in arguments:
        return
    arguments.written = {name: said for name in _DEFAULTS if (said := getattr(arguments, name, None)) is not None}
    arguments.said = read(arguments.settings) if present(arguments.settings) else None
    said = _said(arguments.said, own_repo=getattr(arguments, "repo", None)) if arguments.said else {}
    if "RECONCILER_STATE_DIR" in os.environ:
        said["state_dir"] = os.environ["RECONCILER_STATE_DIR"]
    otherwise = _DEFAULTS | getattr(arguments, "otherwise", {})
    for name in _DEFAULTS:
        if getattr(arguments, name, "") is None:
            setattr(arguments, name, said.get(name) or otherwise[name])


def _said(settings: Settings, own_repo: str | None) -> dict[str, str]:
    """What the settings say for the options; branch and folder belong to the repository they name."""
    instance = settings.instance
    said = {
        "host": instance.host,
        "instance": instance.name,
        "config_dir": instance.config_directory,
        "state_dir": instance.state_directory,
    }
    if own_repo is None:
        source = settings.source
        said |= {"repo": source.url, "branch": source.branch, "path": source.subdirectory}
    return said


def read(file: str = "") -> Settings:
    """The settings of this host.

    Raises SettingsInvalid.
    """
    from reconciler.settings.load import load

    return load(file).settings


def of(arguments: argparse.Namespace) -> Where:
    """The options as what one pass takes; what a command has no option for is left open."""
    from reconciler.loop.place import Where

    place = Where(
        repo=getattr(arguments, "repo", ""),
        config_directory=arguments.config_dir,
        state_directory=arguments.state_dir,
        host=arguments.host,
        instance=arguments.instance,
        branch=getattr(arguments, "branch", ""),
        subdirectory=getattr(arguments, "path", ""),
    )
    return with_trust(arguments, place)


def with_trust(arguments: argparse.Namespace, place: Where) -> Where:
    """The same, followed under the trust that the settings ask for.

    Raises SettingsInvalid, UsageError.
    """
    settings = getattr(arguments, "said", None)
    if settings is None or not place.repo:
        return place
    from reconciler.loop.following import chosen

    return replace(place, source=chosen(settings, place))


@dataclass(frozen=True, slots=True)
class Published:
    """Where snapshots go, with what to get in, and which key signs them; empty for the instance's own."""

    target: str
    token: str
    key: str


def published(arguments: argparse.Namespace) -> Published:
    """What the options and the settings say of publishing.

    Raises SettingsInvalid, or UsageError where the token cannot be read.
    """
    said = read(arguments.settings).publish if present(arguments.settings) else None
    file = arguments.token_file or (said.token_file if said else "")
    target = arguments.out or (said.target if said else "")
    return Published(target, token(file), said.signing_key if said else "")


def token(file: str) -> str:
    """The first line of a file.

    Raises UsageError where it cannot be read.
    """
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="ascii").split("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: no token can be read from it") from error
