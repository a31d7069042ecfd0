"""`reconciler drift`: what was changed outside of git, as the applies that healed it found it."""

from __future__ import annotations

import argparse
import posixpath
from pathlib import Path

from reconciler.cli import where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_instance(parser)
    where.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.record.events import DRIFT_FOUND, EventLog
    from reconciler.report import events

    instance = arguments.instance or posixpath.basename(posixpath.abspath(arguments.config_dir))
    log = EventLog(Path(arguments.state_dir) / instance / "events.jsonl")
    found = [(event.at, event.facts) for event in log.read() if event.name == DRIFT_FOUND]
    write(events.as_json(found) if arguments.format == "json" else events.as_text(found))
    return 0
