"""`reconciler history`: what was done to this instance, and everything about one transaction."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import style, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("list", "show"), default="list", help="all, or one (default: list)")
    parser.add_argument("id", nargs="?", type=int, metavar="ID", help="which one to show (default: the last)")
    where.add_instance(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.errors import UsageError
    from reconciler.loop import past
    from reconciler.report import history

    known, others = past.transactions(where.of(arguments)), past.illegible(where.of(arguments))
    if arguments.what == "list":
        if arguments.id is not None:
            raise UsageError(f"history show {arguments.id} shows one transaction; history alone lists all")
        write(history.as_json(known, others) if arguments.format == "json" else history.render_list(known, others))
        return 0
    numbers = [*(journal.number for journal in known), *others]
    if arguments.id is None and not numbers:
        raise UsageError("there is no transaction yet")
    number = max(numbers) if arguments.id is None else arguments.id
    journal, diff = past.transaction(where.of(arguments), number)
    as_json = arguments.format == "json"
    write(history.one_as_json(journal, diff) if as_json else history.render(journal, diff, style()))
    return 0
