"""`reconciler config show`: every setting, and where it comes from."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=("show",), metavar="show", help="print every value with its origin")
    where.add_settings(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.report import settings
    from reconciler.settings.load import load
    from reconciler.settings.show import rows

    loaded = load(arguments.settings)
    shown = tuple(rows(loaded))
    write(settings.as_json(shown, loaded.file) if arguments.format == "json" else settings.as_text(shown))
    return 0
