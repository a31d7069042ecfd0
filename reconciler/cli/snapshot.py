"""`reconciler snapshot`: what reviewers may see of this host, signed, and put where they look for it."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_repo(parser, default="", told="none: then only what was applied before is looked at")
    where.add_instance(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--out",
        metavar="DIR|URL",
        help="a directory, an https:// address to PUT to, or a repository: git+https://, git+ssh:// or git+file:// "
        "(default: publish.target of the settings)",
    )
    what.add_argument("--public-key", action="store_true", help="print the line for the reviewers' allowed signers")
    what.add_argument("--show", action="store_true", help="print what would be published, and publish nothing")
    parser.add_argument(
        "--token-file", metavar="FILE", help="the token for an https:// address, or a repository behind one"
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import publishing

    settings = where.published(arguments)
    place = where.of(arguments)
    if arguments.public_key:
        write(f"{publishing.signer(place, settings.key)}\n")
        return 0
    made = publishing.make(place, state=publishing.followed(place), key_file=settings.key)
    if arguments.show:
        from reconciler.model import wire

        write(wire.to_json(made.seen).decode())
        return 0
    if not settings.target:
        raise UsageError("nobody said where to; name a place with --out, or publish.target in the settings")
    publishing.send(made, settings.target, settings.token)
    write(f"Published: {made.name}, {len(made.content)} bytes.\n")
    return 0
