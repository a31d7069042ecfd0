"""`reconciler render`: the complete files, for image builds."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli import where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="DIR", required=True, help="a new or empty directory to write them into")
    parser.add_argument("--postmap", action="store_true", help="build the compiled tables there too")
    where.add_repo(parser)
    where.add_instance(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import rendering
    from reconciler.loop.look import look, plan_of
    from reconciler.plan.complete import complete
    from reconciler.report import rendered

    sight = look(where.of(arguments))
    made = plan_of(sight)
    files = complete(made, sight.live)
    out = rendering.prepare(arguments.out, made.config_directory)
    rendering.write(files, out, made.config_directory)
    warnings = rendering.build(files, out, made.config_directory) if arguments.postmap else ()
    told = rendered.Rendered(made, files, out, built=arguments.postmap, warnings=warnings)
    if arguments.format == "json":
        write(rendered.as_json(told))
        return 0
    write(rendered.render(told))
    sys.stderr.write(rendered.warned(told))
    return 0
