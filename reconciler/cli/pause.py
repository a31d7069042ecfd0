"""`reconciler pause`: change nothing until told, with a reason and an end."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from reconciler.cli import sync, where
from reconciler.cli.output import write
from reconciler.errors import UsageError
from reconciler.model.event import AGENT_PAUSED
from reconciler.report.masking import masked

_UNITS = {"m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)([mhd])")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_instance(parser)
    parser.add_argument("--reason", required=True, help="why, for whoever finds it")
    parser.add_argument(
        "--until", default="", metavar="TIME", help="2h, 3d, 18:30, or 2027-01-31T18:00+01:00 (default: until resumed)"
    )


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import holds
    from reconciler.loop.recover import memory_of
    from reconciler.record.recorder import Recorder

    until = parse_end(arguments.until, datetime.now().astimezone()) if arguments.until else None
    state = memory_of(where.of(arguments))
    made = holds.pause(state, arguments.reason, until)
    told = made.until.isoformat(timespec="seconds") if made.until else ""
    Recorder(state.path).say(AGENT_PAUSED, {"reason": masked(made.reason), "by": made.by, "until": told})
    sync.touch(arguments)
    end = f"until {made.until.astimezone():%a %d %b %H:%M %Z}" if made.until else "until `reconciler resume`"
    write(f"Paused {end}. Drift is still seen and told; nothing is changed.\n")
    return 0


def parse_end(text: str, now: datetime) -> datetime:
    """A duration from now, a time of day (the next one), or ISO 8601; without a zone it is this host's.

    Raises UsageError.
    """
    duration = _DURATION.fullmatch(text)
    if duration:
        return (now + timedelta(seconds=int(duration[1]) * _UNITS[duration[2]])).astimezone(UTC)
    try:
        if re.fullmatch(r"\d{1,2}:\d\d", text):
            hour, minute = (int(part) for part in text.split(":"))
            end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return (end if end > now else end + timedelta(days=1)).astimezone(UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; write 2h, 3d, 18:30, or 2027-01-31T18:00+01:00") from error
