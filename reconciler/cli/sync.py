"""`reconciler sync`: wake the agent now."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    path = touch(arguments)
    if not path:
        raise UsageError("agent.trigger_file is empty in the settings; nothing wakes the agent but its clock")
    write("The agent was asked to look now.\n")
    return 0


def touch(arguments: argparse.Namespace) -> str:
    """Touch the trigger file, where there is a directory for it; gives its path, or nothing.

    Raises OSError where it may not be touched.
    """
    path = where.read(arguments.settings).agent.trigger_file
    if not path or not Path(path).parent.is_dir():
        return ""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)
    return path
