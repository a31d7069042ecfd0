"""`reconciler drift`: what was changed outside of git, from the first look that found it to how it ended."""

from __future__ import annotations

import argparse
import posixpath
from datetime import UTC, datetime, timedelta

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.model.drift import Kind
from reconciler.settings.present import present

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_instance(parser)
    kinds = [kind.value.replace(" ", "-") for kind in Kind]
    parser.add_argument(
        "--since", type=_since, metavar="WHEN", help="open, or seen since then: 90m, 24h, 7d, or 2026-11-23"
    )
    parser.add_argument(
        "--kind", action="append", choices=kinds, default=[], metavar="KIND", help=f"only this kind: {', '.join(kinds)}"
    )
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import recorded
    from reconciler.report import incidents

    since, kinds = arguments.since, {name.replace("-", " ") for name in arguments.kind}
    instance = arguments.instance or posixpath.basename(posixpath.abspath(arguments.config_dir))
    settings = where.read(arguments.settings) if present(arguments.settings) else None
    own = recorded.own_host(arguments.config_dir, settings)
    place = recorded.Place(arguments.state_dir, instance, arguments.host or own, is_own=arguments.host in ("", own))
    wanted = [
        (host, it)
        for host, it in recorded.recorded(place, settings)
        if (it.kind in kinds if kinds else it.kind.is_drift) and (not since or recorded.heard_since(it, since))
    ]
    write(incidents.as_json(wanted) if arguments.format == "json" else incidents.as_text(wanted))
    return 0


def _since(text: str) -> datetime:
    unit = _UNITS.get(text[-1:], "")
    try:
        if unit:
            return datetime.now(UTC) - timedelta(**{unit: float(text[:-1])})
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 24h, 7d or 2026-11-23") from error
    return when if when.tzinfo else when.astimezone()
