"""`reconciler release`: let a revision that was taken back be applied again, or end a transaction by hand."""

from __future__ import annotations

import argparse

from reconciler.cli import where
from reconciler.cli.output import write

_LONGEST_ID = 6  # digits; a revision is longer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        default="",
        metavar="REVISION|ID",
        help="a quarantined revision, or its beginning (default: all of them); or the ID of a transaction that was "
        "interrupted and cannot be ended: the files are then taken as they stand",
    )
    parser.add_argument("--list", action="store_true", help="only list what is quarantined")
    where.add_instance(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import past
    from reconciler.report.blocks import short, shown

    place = where.of(arguments)
    if arguments.list:
        for held in past.quarantined(place):
            write(f"{short(held.revision)}  {held.at}  transaction {held.transaction}: {shown(held.brief)}\n")
        return 0
    if arguments.what.isdecimal() and len(arguments.what) <= _LONGEST_ID:
        number = int(arguments.what)
        how = past.accept(place, number)
        write(f"Transaction {number} is {how}; the files stay as they stand. Run plan to see what differs.\n")
        return 0
    out = past.release(place, arguments.what)
    for held in out:
        write(f"Released {short(held.revision)}.\n")
    if not out:
        write("No revision is quarantined.\n")
    return 0
