"""`reconciler status`: how this instance stands, whether or not an agent runs."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.settings.present import present


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_instance(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.standing import standing
    from reconciler.report import standing as report

    freeze_file = where.read(arguments.settings).agent.freeze_file if present(arguments.settings) else ""
    found = standing(where.of(arguments), freeze_file)
    write(report.as_json(found) if arguments.format == "json" else report.as_text(found))
    return 0
