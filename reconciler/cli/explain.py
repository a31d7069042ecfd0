"""`reconciler explain`: one address, from what it is to what a session sees."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import style, write
from reconciler.errors import UsageError
from reconciler.model import address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="main.cf/NAME, main.cf/NAME[ELEMENT], master.cf/SERVICE/inet, master.cf/SERVICE/inet/-o/NAME, "
        "table/PATH, table/PATH#KEY or file/PATH",
    )
    where.add_repo(parser, default="", told="none: the host alone is explained")
    where.add_instance(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.explaining import explained
    from reconciler.report import explain

    try:
        asked = address.parse(arguments.address)
    except ValueError as error:
        raise UsageError(str(error)) from error
    told = explained(where.of(arguments), asked)
    write(explain.as_json(told) if arguments.format == "json" else explain.render(told, style()))
    return 0
