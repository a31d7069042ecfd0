"""`reconciler adopt`: a change made by hand, as a patch of the host file."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from reconciler.cli import where
from reconciler.cli.output import write
from reconciler.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="as a plan names it, such as main.cf/smtpd_tls_loglevel")
    where.add_repo(parser)
    where.add_instance(parser)
    parser.add_argument("--write", action="store_true", help="change the file, too; the repository must be a directory")


def run(arguments: argparse.Namespace) -> int:
    from reconciler.loop.adopt import adopt
    from reconciler.report.terminal import clean

    patch = adopt(where.of(arguments), arguments.address)
    lines = difflib.unified_diff(
        patch.before.splitlines(keepends=True),
        patch.after.splitlines(keepends=True),
        f"a/{patch.file}",
        f"b/{patch.file}",
    )
    if arguments.write:
        _replace(Path(arguments.repo, arguments.path, patch.file), patch.before, patch.after)
    for line in lines:
        write(f"{clean(line.rstrip(chr(10)))}\n")
    print(f"Wrote {patch.file}; commit it." if arguments.write else "Not written; --write does.", file=sys.stderr)
    return 0


def _replace(path: Path, before: str, after: str) -> None:
    """Put the new text in the file's place, unless somebody has changed it since it was read."""
    try:
        if path.read_bytes() != before.encode():
            raise UsageError(f"{path} has changed meanwhile; run adopt again")
        path.write_bytes(after.encode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; --write takes a state repository in a directory") from error
