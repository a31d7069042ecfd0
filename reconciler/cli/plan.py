"""`reconciler plan`: the dry run."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import style, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser)
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 where changes are pending, 0 where there are none"
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.look import look, plan_of

    made = plan_of(look(where.of(arguments)))
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render(made))
    else:
        from reconciler.report import text

        write(text.render(made, style()))
    if made.blockers:
        return 1
    return 2 if arguments.detailed_exitcode and not made.is_empty else 0
