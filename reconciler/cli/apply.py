"""`reconciler apply`: the plan, then the transaction."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reconciler.cli import approval, where
from reconciler.cli.output import progress, style, write
from reconciler.errors import GuardTripped

if TYPE_CHECKING:
    from reconciler.loop.look import Sight
    from reconciler.model.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "planfile",
        nargs="?",
        default="",
        metavar="PLANFILE",
        help="what `plan --out` saved: carried out without asking, for this repository, host and directory, or refused "
        "where anything has moved since",
    )
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser)
    approval.add_argument(parser)
    approval.add_skip_canary(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.carry_out import apply, refuse_quarantined
    from reconciler.report import text

    sight, made = _saved(arguments) if arguments.planfile else _planned(arguments)
    if arguments.format == "text":
        write(text.render(made, style()))
    if made.blockers:
        raise GuardTripped(text.blocked(made))
    refuse_quarantined(sight, made)
    if not made.is_empty and not arguments.auto_approve and not arguments.planfile:
        approval.ask("apply")
    receipt = apply(sight, made, progress, skip_canary=arguments.skip_canary)
    if arguments.format == "json":
        from reconciler.report import json

        write(json.render_receipt(made, receipt))
    elif not made.is_empty:
        write(f"\n{approval.told(receipt)}\n")
    return 0


def _planned(arguments: argparse.Namespace) -> tuple[Sight, Plan]:
    from reconciler.loop.lean import Rows
    from reconciler.loop.look import look, plan_of
    from reconciler.loop.recover import recover

    place = where.of(arguments)
    approval.ended(recover(place, progress))
    sight = look(place, rows=Rows.DIFFERING)
    return sight, plan_of(sight)


def _saved(arguments: argparse.Namespace) -> tuple[Sight, Plan]:
    from reconciler.loop import saving
    from reconciler.loop.recover import recover

    place = where.with_trust(arguments, saving.read(arguments.planfile, arguments.repo))
    saving.refuse_other(place, arguments.written)
    approval.ended(recover(place, progress))
    confirmed = saving.confirm(arguments.planfile, place)
    return confirmed.sight, confirmed.plan
