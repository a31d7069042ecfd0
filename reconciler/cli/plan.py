"""`reconciler plan`: the dry run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reconciler.cli import where
from reconciler.cli.output import style, write

if TYPE_CHECKING:
    from reconciler.model.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser, "markdown", "html")
    parser.add_argument("--out", metavar="FILE", default="", help="save the plan for `apply FILE`, for its owner only")
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 where changes are pending, 0 where there are none"
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.look import look, plan_of

    place = where.of(arguments)
    sight = look(place)
    made = plan_of(sight)
    if arguments.out:
        from reconciler.loop.saving import save

        save(place, sight, made, arguments.out)
    write(_rendered(made, arguments.format))
    if made.blockers:
        return 1
    return 2 if arguments.detailed_exitcode and not made.is_empty else 0


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
