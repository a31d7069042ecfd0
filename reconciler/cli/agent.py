"""`reconciler agent`: the loop, or one pass of it."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    where.add_instance(parser)
    parser.add_argument("--once", action="store_true", help="one pass, as a timer wants it; fails where the pass does")
    parser.add_argument(
        "--spool", metavar="DIR", default="",
        help="lay alerts, statuses and the snapshot down there, for `reconciler pull --spool DIR` to send them",
    )  # fmt: skip
    parser.add_argument("--no-watch", action="store_true", help="wake by the clock and the trigger's signal alone")


def run(arguments: argparse.Namespace) -> int:
    from reconciler import log
    from reconciler.loop import ways
    from reconciler.loop.agent import once

    log.configure()
    settings = where.read(arguments.settings)
    said, watching = settings.source, not arguments.no_watch
    place = where.of(arguments)
    asked = ways.Ways(place, said.poll_interval, said.stale_after, watching=watching, spool=arguments.spool)
    agent = ways.agent(asked, settings.agent)
    agent.following = ways.following(asked, settings, serving=not arguments.once)
    agent.statuses = ways.statuses(asked, settings)
    if not arguments.once:
        agent.run()
        return 0
    turned = once(agent)
    write(f"{turned.word} at {turned.revision}: {turned.text}\n")
    if agent.turn.trouble is not None:
        raise agent.turn.trouble
    return 0
