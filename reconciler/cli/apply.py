"""`reconciler apply`: the plan, then the transaction."""

from __future__ import annotations

import argparse

from reconciler.cli import approval, where
from reconciler.cli.output import progress, style, write
from reconciler.errors import GuardTripped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser)
    approval.add_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.carry_out import apply
    from reconciler.loop.look import look, plan_of
    from reconciler.loop.recover import recover
    from reconciler.report import text

    recover(where.of(arguments), progress)
    sight = look(where.of(arguments))
    made = plan_of(sight)
    if arguments.format == "text":
        write(text.render(made, style()))
    if made.blockers:
        raise GuardTripped(text.blocked(made))
    if not made.is_empty and not arguments.auto_approve:
        approval.ask("apply")
    receipt = apply(sight, made, progress)
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render_receipt(made, receipt))
    elif not made.is_empty:
        write(f"\n{approval.told(receipt)}\n")
    return 0
