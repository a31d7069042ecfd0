"""`reconciler plan`: the dry run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reconciler.cli import where
from reconciler.cli.output import style, warn, write
from reconciler.errors import Quarantined, StateUnusable, UsageError

if TYPE_CHECKING:
    from reconciler.apply.state import StateDirectory
    from reconciler.model.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser, "markdown", "html")
    parser.add_argument("--out", metavar="FILE", default="", help="save the plan for `apply FILE`, for its owner only")
    parser.add_argument("--snapshot", metavar="FILE", help="plan for the host that published this, wherever this is")
    parser.add_argument(
        "--allowed-signers", metavar="FILE", default="", help="with --snapshot: who may sign it (default: anybody)"
    )
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 where changes are pending, 0 where there are none"
    )


def run(arguments: argparse.Namespace) -> int:
    made = _from_file(arguments) if arguments.snapshot else _of_this_host(arguments)
    write(_rendered(made, arguments.format))
    if made.blockers:
        return 1
    return 2 if arguments.detailed_exitcode and not made.is_empty else 0


def _of_this_host(arguments: argparse.Namespace) -> Plan:
    from reconciler.loop.look import look, plan_of

    place = where.of(arguments)
    sight = look(place)
    made = plan_of(sight)
    _warn(sight.state, made)
    if arguments.out:
        from reconciler.loop.saving import save

        save(place, sight, made, arguments.out)
    return made


def _warn(state: StateDirectory, made: Plan) -> None:
    """Of what an apply would meet."""
    from reconciler.apply.quarantine import Quarantine

    cut_off = state.ledger.cut_off()
    if cut_off is not None and (holder := state.holder()):
        warn(f"transaction {cut_off} is under way (process {holder}); after it this may come out differently")
    elif cut_off is not None:
        warn(f"transaction {cut_off} was cut off; the next apply ends it first, and then this may come out differently")
    if not made.is_empty:
        try:
            Quarantine(state.quarantine).refuse(made.revision)
        except (Quarantined, StateUnusable) as refused:
            warn(f"apply refuses this: {refused}")


def _from_file(arguments: argparse.Namespace) -> Plan:
    if arguments.out:
        raise UsageError("--out saves what `apply` carries out on this host; a snapshot is of another one")
    from reconciler.loop.reviewing import FromFile, planned

    of = where.of(arguments)
    return planned(FromFile(arguments.snapshot, of.repo, of.branch, of.subdirectory, arguments.allowed_signers))


def _rendered(made: Plan, form: str) -> str:
    match form:
        case "json":
            from reconciler.report import json

            return json.render(made)
        case "markdown":
            from reconciler.report import markdown

            return markdown.render(made).text
        case "html":
            from reconciler.report import html

            return html.render(made)
        case _:
            from reconciler.report import text

            return text.render(made, style())
