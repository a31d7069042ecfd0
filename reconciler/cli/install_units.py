"""`reconciler install-units`: the systemd units, shown before they are written."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from reconciler.cli import approval, where
from reconciler.cli.output import write
from reconciler.errors import ApprovalNeeded, UsageError

if TYPE_CHECKING:
    from reconciler.host.units import Unit

_DONE = {"absent": "new", "older": "of an older version", "current": "as it shall be", "edited": "edited: left alone"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--agent", action="store_true", help="a daemon (default)")
    how.add_argument("--timer", action="store_true", help="one pass every five minutes, no daemon")
    how.add_argument("--instance", default="", metavar="NAME", help="a daemon for one instance of several: postfix-out")
    parser.add_argument("--webhook", action="store_true", help="the receiver of pushes too")
    parser.add_argument("--root", default="/", metavar="DIR", help="write below DIR, as for an image (default: /)")
    parser.add_argument(
        "--prefix",
        default="/opt/reconciler",
        metavar="DIR",
        help="where this program is (default: %(default)s)",
    )
    where.add_settings(parser)
    parser.add_argument("--auto-approve", action="store_true", help="do not ask; needed where there is no terminal")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.host import units
    from reconciler.loop import writable

    settings = where.read(arguments.settings)
    wanted = units.Wanted(
        arguments.root,
        arguments.prefix.rstrip("/"),
        writable.by_the_applier(settings),
        writable.by_the_puller(settings),
    )
    found = units.units(_names(arguments), wanted)
    pending = [it for it in found if it.standing in (units.Standing.ABSENT, units.Standing.OLDER)]
    _show(found, pending)
    if pending and not arguments.auto_approve:
        _ask()
    for unit in pending:
        units.write(unit)
    edited = [it.path for it in found if it.standing is units.Standing.EDITED]
    if edited:
        raise UsageError(f"{', '.join(edited)}: somebody's changes stand there; move the file away, or keep it")
    write(_next(arguments))
    return 0


def _names(arguments: argparse.Namespace) -> tuple[str, ...]:
    from reconciler.host import units

    if arguments.instance and not re.fullmatch(r"postfix-[A-Za-z0-9_.-]+", arguments.instance):
        raise UsageError(f"--instance {arguments.instance}: write its name as postmulti does, such as postfix-out")
    chosen = units.TIMER if arguments.timer else units.INSTANCE if arguments.instance else units.AGENT
    return chosen + (units.WEBHOOK if arguments.webhook else ())


def _show(found: tuple[Unit, ...], pending: list[Unit]) -> None:
    for unit in found:
        write(f"{'+' if unit in pending else '.'} {unit.path} ({_DONE[unit.standing.value]})\n")
    for unit in pending:
        write(f"\n--- {unit.path}\n{unit.content.decode()}")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise ApprovalNeeded("there is no terminal to ask on; read the above, then run it with --auto-approve")
    if approval.answer("\nOnly 'yes' is taken for an approval. Write these files? ") != "yes":
        raise ApprovalNeeded("not approved; nothing was written")


def _next(arguments: argparse.Namespace) -> str:
    if arguments.instance:
        enabled = f"reconciler-puller.service reconciler@{arguments.instance}.service"
    else:
        enabled = "reconciler-once.timer" if arguments.timer else "reconciler-puller.service reconciler.service"
    enabled += " reconciler-webhook.service" if arguments.webhook else ""
    return (
        "\nNext:\n  systemd-sysusers && systemd-tmpfiles --create\n"
        f"  systemctl daemon-reload && systemctl enable --now {enabled}\n"
    )
