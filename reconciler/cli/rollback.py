"""`reconciler rollback`: back to the state before a transaction, as a transaction of its own."""

from __future__ import annotations

import argparse

from reconciler.cli import approval, where
from reconciler.cli.output import progress, style, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", nargs="?", type=int, metavar="ID", help="the transaction to take back (default: the last that changed)"
    )
    where.add_instance(parser)
    where.add_format(parser)
    approval.add_argument(parser)
    approval.add_skip_canary(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import past
    from reconciler.loop.recover import recover
    from reconciler.report import text

    approval.ended(recover(where.of(arguments), progress))
    found = past.look_back(where.of(arguments), arguments.id)
    if arguments.format == "text":
        write(text.render(found.way.plan, style()))
    if not arguments.auto_approve:
        approval.ask("rollback")
    receipt = past.go_back(found, progress, skip_canary=arguments.skip_canary)
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render_receipt(found.way.plan, receipt))
        return 0
    write(f"\n{approval.told(receipt)}\n")
    for revision in found.way.quarantines:
        write(
            f"{text.short(revision)} is not applied again until `reconciler release`, or until the branch moves on.\n"
        )
    for revision in found.way.released:
        write(f"{text.short(revision)} is held back no more.\n")
    return 0
