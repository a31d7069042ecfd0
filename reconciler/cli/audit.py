"""`reconciler audit`: findings about a live host, or a directory copied from one, before any state exists."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import style, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_directory(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.examine import examine
    from reconciler.report import audit

    seen = examine(arguments.config_dir)
    if arguments.format == "json":
        write(
            audit.as_json(
                seen.findings,
                host=seen.name,
                config_directory=seen.config_directory,
                mail_version=seen.mail_version,
                in_place=seen.in_place,
            )
        )
    else:
        kind = "Postfix" if seen.in_place else "a copy, read as Postfix"
        title = f"{seen.name} ({seen.config_directory}, {kind} {seen.mail_version})"
        write(audit.text(title, seen.findings, style()))
    return 0
