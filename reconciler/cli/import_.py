"""`reconciler import`: the host file of a live Postfix, or of a directory copied from one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.errors import UsageError
from reconciler.source.layout import FOLDERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_directory(parser)
    parser.add_argument("--host", default="", help="the name of the host file (default: the instance's myhostname)")
    parser.add_argument("--instance", default="", help="the instance (default: its multi_instance_name)")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--repo", metavar="DIR", default="", help="write hosts/NAME.yaml into this state repository")
    place.add_argument("--out", metavar="FILE", default="-", help="write one file; - prints it (default: -)")
    parser.add_argument("--enforce", action="store_true", help="write `enforce: all`; without it all is only observed")
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.take_over import take_over
    from reconciler.report import imported

    made = take_over(
        arguments.config_dir,
        host=arguments.host,
        instance=arguments.instance,
        enforce=arguments.enforce,
        own_map=bool(arguments.repo),
    )
    files = _placed(arguments, made.imported.files)
    _write(files)
    written = [str(path) for path in files]
    if arguments.format == "json":
        write(imported.render(made.name, made.imported, written, made.dropped))
        return 0
    if not files:
        write(next(iter(made.imported.files.values())))
    sys.stderr.write(imported.text(made.name, made.imported, written, made.dropped))
    return 0


def _placed(arguments: argparse.Namespace, files: Mapping[str, str]) -> dict[Path, str]:
    """Where each file goes; none where the host file is printed."""
    if arguments.repo:
        if not Path(arguments.repo).is_dir():
            raise UsageError(f"{arguments.repo}: there is no such directory; make it, with git init, first")
        return {Path(arguments.repo, path): text for path, text in files.items()}
    return {} if arguments.out == "-" else {Path(arguments.out): next(iter(files.values()))}


def _write(files: Mapping[Path, str]) -> None:
    """All of them or none; what is there already was written by a person, and is not replaced."""
    standing = [str(path) for path in files if path.exists() or path.is_symlink()]
    if standing:
        raise UsageError(f"{standing[0]} is there already; remove it, write elsewhere, or use reconciler adopt")
    for path, text in files.items():
        try:
            if path.parent.name in FOLDERS:
                path.parent.mkdir(exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
