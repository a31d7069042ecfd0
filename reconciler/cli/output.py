"""What goes to the terminal: colour only where one looks at it, errors in the shape a person can act on."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from reconciler.errors import PlanRefused, ReconcilerError, SettingsInvalid, StateInvalid
from reconciler.report.terminal import COLOUR, PLAIN, Style, clean


def style(stream: TextIO | None = None) -> Style:
    """Colour on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is dumb."""
    stream = stream or sys.stdout
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return COLOUR if wanted else PLAIN


def write(text: str) -> None:
    """Text as it is; what cannot be encoded is shown as a replacement character."""
    sys.stdout.write(text.encode("utf-8", "replace").decode())


def print_error(error: ReconcilerError, *, json: bool) -> None:
    """On standard error for a person, on standard output where JSON was asked for."""
    if json:
        from reconciler.report import json as as_json

        write(as_json.render_error(error))
        return
    if isinstance(error, StateInvalid | PlanRefused | SettingsInvalid):
        lines = [it.for_terminal() if sys.stderr.isatty() else str(it) for it in error.problems]
    else:
        lines = str(error).split("\n")
    for text in lines:
        print("\n".join(clean(line) for line in text.split("\n")), file=sys.stderr)


def warn(text: str) -> None:
    """Something that stops nothing, beside the output."""
    print(clean(text), file=sys.stderr)


def progress(step: str) -> None:
    """One line a step, only where somebody waits for it."""
    if sys.stderr.isatty():
        with suppress(OSError):  # nobody waits any more; what was begun is brought to its end all the same
            print(f"… {clean(step)}", file=sys.stderr)
