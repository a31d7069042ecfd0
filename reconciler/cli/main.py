"""The command line: its grammar, and the way from an error to an exit code.

Exit codes: 0; 1 for any error, refusal, failed proof or roll-back; 2 only for "changes pending" under
`--detailed-exitcode`.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import NoReturn

from reconciler import __version__
from reconciler.cli import where
from reconciler.cli.output import print_error
from reconciler.errors import MachineFailed, ReconcilerError

_COMMANDS = {
    "audit": "say what is weak, broken, stale or without effect on this host, before any state exists",
    "validate": "check the whole state repository; no host is needed",
    "plan": "show what applying would change on this host, and why",
    "apply": "carry the plan out as one transaction, and prove it",
    "import": "write the host file for a live Postfix; a plan with it changes nothing",
    "adopt": "turn a change made by hand into a patch of the host file",
    "verify": "prove over SMTP that the live host does what it shall",
    "explain": "say everything about one address: what it is, declared, live, and what a session sees",
    "render": "write the complete files as they would be after apply, for image builds",
    "history": "what was done to this instance: all transactions, or everything about one",
    "rollback": "go back to the state before a transaction; itself a transaction",
    "release": "let a revision that was taken back be applied again",
    "status": "how this instance stands: revision, drift, holds, Postfix, certificates",
    "drift": "what was changed outside of git, as it was found and healed",
    "agent": "keep this host as git says: watch, compare, heal, prove",
    "pause": "change nothing until told, with a reason and an end",
    "resume": "end a pause, and let suspended corrections begin again",
    "sync": "wake the agent now",
    "pull": "fetch the state and hand it to an agent that has no network",
    "install-units": "write the systemd units, shown first; what somebody edited is left alone",
    "doctor": "check this host before the first run, with a fix for whatever is in the way",
    "webhook": "listen for a forge's pushes, and wake the agent",
    "config": "the settings of this program, and where each comes from",
    "comment": "put what a review found on its pull request, as a comment and as a status",
    "snapshot": "publish what reviewers may see of this host: redacted, signed",
    "review": "say what a change of the state would do to every host it touches; no host is needed",
    "schemas": "write the JSON Schemas of the state files and the settings, or check that they are current",
    "demo": "the main job from beginning to end against a private Postfix",
    "demo-review": "a change of three private hosts: its review, its merge, and that they agree",
}
_TRACEBACK = "RECONCILER_TRACEBACK"
_YOUNG = 100_000  # objects; by default the collector walks a large table of frozen rows every 700, for nothing
_NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them is to read what every package says of itself
_MODULES = {  # where a command's name is no module's
    "import": "import_",
    "install-units": "install_units",
    "demo-review": "demo_review",
}

_MOMENT = 1.0  # s


class _Parser(argparse.ArgumentParser):
    """A usage error is an error like any other: exit code 1, so that 2 keeps its one meaning."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(1)


def parser(commands: Sequence[str] = tuple(_COMMANDS)) -> _Parser:
    """The grammar of these commands; one command's grammar is all that one run needs."""
    top = _Parser(prog="reconciler", description="The GitOps controller for Postfix TLS.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"reconciler {__version__}")
    choices = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name in commands:
        sub = choices.add_parser(name, help=_COMMANDS[name], description=_COMMANDS[name], allow_abbrev=False)
        module = import_module(f"reconciler.cli.{_MODULES.get(name, name)}")
        module.add_arguments(sub)
        sub.set_defaults(run=module.run, complain=sub.error)
    return top


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Raises SystemExit; what a command does not know is answered with the usage of that command."""
    first = argv[:1]
    named = [word for word in first if word in _COMMANDS]
    arguments, unknown = parser(named or (() if first == ["--version"] else tuple(_COMMANDS))).parse_known_args(argv)
    if unknown:
        arguments.complain(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def main(argv: Sequence[str]) -> int:
    """Run one command; gives its exit code."""
    arguments = argparse.Namespace()
    try:
        arguments = _parse(argv)
        where.settle(arguments)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except ReconcilerError as error:
        print_error(error, json=getattr(arguments, "format", "text") == "json")
    except (KeyboardInterrupt, _Interrupted) as interrupt:
        print(": ".join(("interrupted", *map(str, _said(interrupt)))), file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print_error(MachineFailed(error), json=getattr(arguments, "format", "text") == "json")
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        print(
            f"{error!r}: this is a fault of reconciler; {_TRACEBACK}=1 shows where: please report it", file=sys.stderr
        )
    return 1


class _Interrupted(BaseException):
    """Ctrl-C, SIGTERM, or the end of the terminal.

    A KeyboardInterrupt that falls into an exec(), as in many an import, has Python end by the signal whatever catches
    it.
    """


def _said(interrupt: BaseException) -> tuple[object, ...]:
    """How things stand after it, or after the first of several."""
    first = interrupt.__context__
    return interrupt.args or (_said(first) if isinstance(first, _Interrupted | KeyboardInterrupt) else ())


class _Interrupts:
    """What a signal does. A second one within a moment, such as SIGHUP beside SIGTERM or a key that is pressed twice,
    would only disturb what the first has set off.
    """

    def __init__(self) -> None:
        self._at = -_MOMENT

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._at >= _MOMENT:
            self._at = now
            raise _Interrupted


def run() -> NoReturn:
    """The entry point of the `reconciler` command.

    SIGTERM, and SIGHUP where a connection breaks, end it as Ctrl-C does: what was begun is taken back.
    """
    _on_interrupt(_Interrupts())
    gc.set_threshold(_YOUNG, 20, 50)
    os.environ.setdefault(*_NO_PLUGINS)
    try:
        code = main(sys.argv[1:])
    finally:
        _on_interrupt(signal.SIG_IGN)  # or Python, as it ends, lets a late one be told instead of how the command ended
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)  # what the kernel frees at once, Python takes apart for 30 ms


def _on_interrupt(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN or number is not signal.SIGHUP:  # nohup(1)
            signal.signal(number, action)
