"""`reconciler pull`: the half with the network, for hosts where the other half has none."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.frozen import replace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser)
    parser.add_argument("--once", action="store_true", help="one fetch, as a timer wants it; fails where it does")
    parser.add_argument(
        "--spool", metavar="DIR", default="",
        help="carry what `reconciler agent --spool DIR` laid down: alerts, statuses, the snapshot",
    )  # fmt: skip
    parser.add_argument(
        "--state-dir", metavar="DIR", default="/var/lib/reconciler-puller",
        help="where the state is handed over, and what is remembered (default: /var/lib/reconciler-puller)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    from reconciler import log
    from reconciler.loop import ways
    from reconciler.loop.agent import once
    from reconciler.loop.following import chosen
    from reconciler.loop.place import Where

    log.configure()
    settings = where.read(arguments.settings)
    source = Where(arguments.repo, "/", arguments.state_dir, branch=arguments.branch, subdirectory=arguments.path)
    trusted = replace(source, source=chosen(settings, source))
    said = settings.source
    agent = ways.puller(ways.Ways(trusted, said.poll_interval, said.stale_after, spool=arguments.spool), settings)
    if not arguments.once:
        agent.run()
        return 0
    turned = once(agent)
    write(f"{turned.word} {turned.revision}: {turned.text}\n")
    return 0
