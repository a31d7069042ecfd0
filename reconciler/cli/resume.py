"""`reconciler resume`: end a pause, and let corrections that were suspended begin again."""

from __future__ import annotations

import argparse

from reconciler.cli import sync, where
from reconciler.cli.output import write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where.add_instance(parser)


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop import holds, remembering
    from reconciler.loop.recover import memory_of
    from reconciler.model.event import AGENT_RESUMED
    from reconciler.record.recorder import Recorder

    state = memory_of(where.of(arguments))
    was = holds.resume(state)
    remembering.forgive(state)
    Recorder(state.path).say(AGENT_RESUMED, {})
    sync.touch(arguments)
    write("The pause is over.\n" if was else "There was no pause; suspended corrections begin again.\n")
    return 0
